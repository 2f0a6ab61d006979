import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { AdvisorySource, Base, Operation } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, CommandLine, Copyable, Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { EmptyState, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useNavigate } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words } from './words.ts';

/** Advisories older than a week miss what was published meanwhile. */
const OLD_SECONDS = 7 * 86_400;

export function AdvisoriesSection() {
  const t = useWords(words);
  const formats = useFormats();
  const client = useQueryClient();
  const me = useMe();
  const advisories = useQuery(queries.advisories());
  const update = useMutation({
    mutationFn: () => api.post('/advisories/update'),
    onSuccess: () => client.invalidateQueries({ queryKey: ['advisories'] }),
  });
  const columns: readonly Column<AdvisorySource>[] = [
    { id: 'name', label: t('source'), cell: (source) => <strong>{source.name}</strong> },
    { id: 'records', label: t('records'), align: 'end', cell: (source) => formats.number(source.records) },
    { id: 'updated', label: t('updated'), cell: (source) => <When at={source.updatedAt} /> },
    {
      id: 'age',
      label: t('age'),
      cell: (source) =>
        source.ageSeconds > OLD_SECONDS ? (
          <StateBadge tone="warn">{t('old')}</StateBadge>
        ) : (
          <StateBadge tone="ok">{t('fresh')}</StateBadge>
        ),
    },
  ];
  return (
    <Panel
      title={t('advisories')}
      flush
      actions={
        hasRole(me, ['admin']) ? (
          <Button busy={update.isPending} onClick={() => update.mutate()}>
            {t('updateNow')}
          </Button>
        ) : undefined
      }
    >
      {update.error === null ? null : <Failure error={update.error} />}
      <Loaded query={advisories}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState title={t('advisoriesEmpty')} command="darsena advisories update">
              {t('advisoriesEmptyText')}
            </EmptyState>
          ) : (
            <>
              <Table label={t('advisories')} columns={columns} rows={all} keyOf={(source) => source.name} />
              <div className="panel-foot">
                <CommandLine command="darsena advisories update" />
              </div>
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function CreateBaseDialog({ onClose }: { onClose: () => void }) {
  const t = useWords(words);
  const navigate = useNavigate();
  const [release, setRelease] = useState('bookworm');
  const [include, setInclude] = useState('ca-certificates tzdata');
  const [name, setName] = useState('');
  const create = useMutation({
    mutationFn: () =>
      api.post<Operation>('/bases', {
        release,
        include: include.split(/\s+/).filter(Boolean),
        ...(name === '' ? {} : { name }),
      }),
    onSuccess: (operation) => {
      onClose();
      navigate(addresses.operation(operation.id));
    },
  });
  return (
    <FormDialog title={t('createBase')} sending={create} onClose={onClose}>
      <Field
        label={t('release')}
        required
        value={release}
        onChange={(event) => setRelease(event.target.value)}
        spellCheck={false}
        autoCapitalize="none"
      />
      <Field
        label={t('include')}
        hint={t('includeHint')}
        value={include}
        onChange={(event) => setInclude(event.target.value)}
        spellCheck={false}
        autoCapitalize="none"
      />
      <Field
        label={t('baseName')}
        value={name}
        onChange={(event) => setName(event.target.value)}
        spellCheck={false}
        autoCapitalize="none"
      />
    </FormDialog>
  );
}

export function BasesSection() {
  const t = useWords(words);
  const formats = useFormats();
  const me = useMe();
  const bases = useQuery(queries.bases());
  const [creating, setCreating] = useState(false);
  const columns: readonly Column<Base>[] = [
    { id: 'name', label: t('name'), cell: (base) => <strong>{base.name}</strong> },
    { id: 'release', label: t('release'), from: 'medium', cell: (base) => base.release },
    {
      id: 'include',
      label: t('include'),
      from: 'wide',
      cell: (base) => (
        <span className="chips">
          {base.include.map((item) => (
            <Chip key={item} mono>
              {item}
            </Chip>
          ))}
        </span>
      ),
    },
    {
      id: 'digest',
      label: t('digest'),
      from: 'medium',
      cell: (base) => <Copyable value={base.digest}>{shortDigest(base.digest)}</Copyable>,
    },
    { id: 'packages', label: t('packages'), align: 'end', cell: (base) => formats.number(base.packages) },
    { id: 'size', label: t('size'), align: 'end', cell: (base) => formats.bytes(base.sizeBytes) },
    { id: 'created', label: t('created'), align: 'end', cell: (base) => <When at={base.createdAt} /> },
  ];
  return (
    <>
      <Panel
        title={t('bases')}
        flush
        actions={
          hasRole(me, ['admin']) ? (
            <Button look="primary" icon="plus" onClick={() => setCreating(true)}>
              {t('createBase')}
            </Button>
          ) : undefined
        }
      >
        <Loaded query={bases}>
          {(all) => (
            <Table
              label={t('bases')}
              columns={columns}
              rows={all}
              keyOf={(base) => base.digest}
              empty={
                <EmptyState title={t('basesEmpty')} command="darsena base create debian-12">
                  {t('basesEmptyText')}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
      {creating ? <CreateBaseDialog onClose={() => setCreating(false)} /> : null}
    </>
  );
}
