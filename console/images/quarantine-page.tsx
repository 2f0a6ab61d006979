import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { CheckProgress } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge, ToneGlyph } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, CommandLine, Copyable, FilterBox } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import {
  Drawer,
  EmptyState,
  Facts,
  Failure,
  Loaded,
  Meter,
  PageHead,
  Panel,
  Split,
  When,
} from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useNavigate, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { type ProjectImage, useAllImages } from './all-images.ts';
import './images.css';
import { ImagesTabs } from './images-tabs.tsx';
import { registryWords } from './registry-words.ts';
import { words } from './words.ts';

const keyOf = ({ image }: ProjectImage) => `${image.repository}@${image.digest}`;

/** Where the check of an image is: its place in the queue, or what the scan does now. */
function Progress({ progress }: { progress: CheckProgress }) {
  const t = useWords(registryWords);
  const text = useText();
  const formats = useFormats();
  const { state, place, step, operation } = progress;
  const title =
    state === 'queued' ? t('queued', { place: place ?? 1 }) : state === 'scanning' ? t('scanning') : t('judging');
  return (
    <div className="check-progress">
      <p className="chips">
        <StateBadge tone="pending">{title}</StateBadge>
        {step?.text === null || step?.text === undefined ? null : <span>{text(step.text)}</span>}
        <span className="quiet-text">
          <When at={progress.since} />
        </span>
      </p>
      {step === null || step.done === null || step.total === null || step.total === 0 ? null : (
        <p className="check-meter">
          <Meter done={step.done} total={step.total} label={title} />
          <span className="quiet-text">{formats.percent(step.done / step.total)}</span>
        </p>
      )}
      {operation === null ? null : <Link to={addresses.operation(operation)}>{t('followCheck')}</Link>}
    </div>
  );
}

function Held({ row }: { row: ProjectImage }) {
  const text = useText();
  const answer = useQuery(queries.quarantine(row.project, row.image.repository, row.image.digest)).data;
  if (answer === undefined) return null;
  const { progress, reasons } = answer.quarantine;
  if (progress !== null) return <Progress progress={progress} />;
  const [first] = reasons;
  return first === undefined ? null : <span className="quiet-text">{text(first)}</span>;
}

function HeldDrawer({ row, onClose }: { row: ProjectImage; onClose: () => void }) {
  const t = useWords(registryWords);
  const image = useWords(words);
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  const { project, image: held } = row;
  const state = useQuery(queries.quarantine(project, held.repository, held.digest));
  const scan = useMutation({
    mutationFn: () => api.post<{ operation: string }>(apiPath(['projects', project, 'images', held.digest, 'rescan'])),
    onSuccess: ({ operation }) => navigate(addresses.operation(operation)),
  });
  const name = held.tags[0] === undefined ? `${held.repository}@${held.digest}` : `${held.repository}:${held.tags[0]}`;
  return (
    <Drawer title={held.repository} to={addresses.image(project, held.digest)} onClose={onClose}>
      <p className="chips">
        <State state={state.data?.quarantine.state ?? held.quarantine} />
        {held.tags.map((tag) => (
          <Chip key={tag} mono>
            {tag}
          </Chip>
        ))}
      </p>
      <Facts
        items={[
          [
            image('digest'),
            <Copyable key="d" value={held.digest}>
              {shortDigest(held.digest)}
            </Copyable>,
          ],
          [t('since'), <When key="w" at={held.pushedAt} />],
          [image('by'), <Actor key="a" actor={held.pushedBy} />],
        ]}
      />
      <Loaded query={state} lines={3}>
        {({ quarantine }) => (
          <>
            {quarantine.progress === null ? null : <Progress progress={quarantine.progress} />}
            {quarantine.reasons.length === 0 ? null : (
              <section>
                <h3>{t('whyHeld')}</h3>
                <ul className="reasons">
                  {quarantine.reasons.map((reason) => (
                    <li key={reason.en} className={quarantine.state === 'refused' ? 'tone-bad' : 'tone-warn'}>
                      <ToneGlyph tone={quarantine.state === 'refused' ? 'bad' : 'warn'} />
                      <p>{text(reason)}</p>
                    </li>
                  ))}
                </ul>
              </section>
            )}
            <section>
              <h3>{t('whatToDo')}</h3>
              {quarantine.remedies.length === 0 ? (
                <p>{quarantine.state === 'released' ? t('nothingToDo') : t('waitForIt')}</p>
              ) : (
                <ul className="plain-list">
                  {quarantine.remedies.map((remedy) => (
                    <li key={remedy.en}>{text(remedy)}</li>
                  ))}
                </ul>
              )}
            </section>
          </>
        )}
      </Loaded>
      <CommandLine command={`darsena image wait ${name}`} />
      {scan.error === null ? null : <Failure error={scan.error} />}
      <div className="toolbar">
        {hasRole(me, ['admin', 'developer'], project) ? (
          <Button busy={scan.isPending} onClick={() => scan.mutate()}>
            {t('checkAgain')}
          </Button>
        ) : null}
        {hasRole(me, ['admin'], project) ? (
          <Button look="danger" onClick={() => setDeleting(true)}>
            {t('deleteImageAction')}
          </Button>
        ) : null}
      </div>
      {deleting ? (
        <ConfirmDialog
          title={t('deleteImage', { name: `${held.repository}@${shortDigest(held.digest)}` })}
          text={t('deleteImageText', { tags: held.tags.length === 0 ? '—' : held.tags.join(', ') })}
          action={t('deleteImageAction')}
          run={async () => {
            await api.delete(apiPath(['projects', project, 'images', held.digest], { repository: held.repository }));
            await client.invalidateQueries({ queryKey: ['images'] });
          }}
          onClose={() => setDeleting(false)}
        />
      ) : null}
    </Drawer>
  );
}

/** What waits at the door of the registry: since when, why, and what would let it through. */
export default function QuarantinePage() {
  const t = useWords(registryWords);
  const image = useWords(words);
  const shell = useWords(shellWords);
  const [filter, setFilter] = useSearchParam('q');
  const [selected, select] = useSearchParam('sel');
  const projects = useQuery(queries.projects());
  const { all, failed, loading } = useAllImages();
  // What is looked at stays while it is let through, so that its end is seen.
  const held = all.filter((row) => row.image.quarantine !== 'released' || keyOf(row) === selected);
  const rows = held.filter((row) => matchesFilter(filter, [row.image.repository, row.image.digest, ...row.image.tags]));
  const chosen = rows.find((row) => keyOf(row) === selected);
  const columns: readonly Column<ProjectImage>[] = [
    {
      id: 'image',
      label: image('image'),
      cell: (row) => (
        <span className="image-name">
          <Link to={addresses.image(row.project, row.image.digest)}>{row.image.repository}</Link>
          {row.image.tags.map((tag) => (
            <Chip key={tag} mono>
              {tag}
            </Chip>
          ))}
        </span>
      ),
    },
    { id: 'state', label: t('quarantine'), cell: (row) => <State state={row.image.quarantine} /> },
    { id: 'why', label: t('whyHeld'), from: 'medium', cell: (row) => <Held row={row} /> },
    { id: 'by', label: image('by'), from: 'wide', cell: (row) => <Actor actor={row.image.pushedBy} /> },
    { id: 'since', label: t('since'), align: 'end', cell: (row) => <When at={row.image.pushedAt} /> },
  ];
  return (
    <div className="page">
      <PageHead title={t('quarantine')} path={[[shell('images'), addresses.images()]]} />
      <ImagesTabs current="quarantine" />
      <Loaded query={projects}>
        {() => (
          <Split
            list={
              <>
                <div className="toolbar">
                  <FilterBox value={filter} onChange={setFilter} label={image('filter')} />
                  <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
                </div>
                {failed === null ? null : <Failure error={failed.error} onRetry={failed.retry} />}
                <Panel flush>
                  {held.length === 0 && !loading ? (
                    <EmptyState title={t('nothingHeld')}>{t('nothingHeldText')}</EmptyState>
                  ) : (
                    <Table
                      label={t('quarantine')}
                      columns={columns}
                      rows={rows}
                      keyOf={keyOf}
                      selected={selected}
                      onSelect={select}
                      pageOf={(row) => addresses.image(row.project, row.image.digest)}
                    />
                  )}
                </Panel>
              </>
            }
            drawer={chosen === undefined ? null : <HeldDrawer row={chosen} onClose={() => select('')} />}
          />
        )}
      </Loaded>
    </div>
  );
}
