import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiFailure, api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { TrustDemand, TrustDocument, TrustKey, TrustPolicy } from '../api/types.ts';
import { ImagesTabs } from '../images/images-tabs.tsx';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable, Field, TextArea } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { UseChip } from '../shell/parts/signed-use.tsx';
import { EmptyState, Facts, Loaded, PageHead, Panel, Until, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { words } from './words.ts';

type Signer = NonNullable<TrustDocument['signers']>[number];
type Rule = NonNullable<TrustDocument['rules']>[number];

function Uses({ uses }: { uses: readonly string[] }) {
  return (
    <span className="chips">
      {uses.map((use) => (
        <UseChip key={use} use={use} />
      ))}
    </span>
  );
}

function Repositories({ patterns }: { patterns: readonly string[] }) {
  const t = useWords(words);
  if (patterns.includes('**')) return <span className="quiet-text">{t('allRepositories')}</span>;
  return <code>{patterns.join(', ')}</code>;
}

/** Whether a signer counts now: revoked, not yet, no longer, or yes and until when. */
function Validity(bounds: Pick<TrustKey, 'validFrom' | 'validUntil' | 'revokedAt'>) {
  const t = useWords(words);
  const now = Date.now();
  const { validFrom, validUntil, revokedAt } = bounds;
  if (revokedAt !== null) {
    return (
      <span className="chips">
        <StateBadge tone="bad">{t('revoked')}</StateBadge>
        <span className="quiet-text">
          <When at={revokedAt} />
        </span>
      </span>
    );
  }
  if (validFrom !== null && Date.parse(validFrom) > now) {
    return (
      <span className="chips">
        <StateBadge tone="pending">{t('notYet')}</StateBadge>
        <span className="quiet-text">
          <Until at={validFrom} />
        </span>
      </span>
    );
  }
  const over = validUntil !== null && Date.parse(validUntil) <= now;
  return (
    <span className="chips">
      <StateBadge tone={over ? 'warn' : 'ok'}>{over ? t('over') : t('believed')}</StateBadge>
      {validUntil === null ? null : (
        <span className="quiet-text">
          <Until at={validUntil} />
        </span>
      )}
    </span>
  );
}

const USES = ['image', 'provenance', 'sbom', 'scan', 'approval'] as const;

function AddKeyDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(words);
  const [name, setName] = useState('');
  const [uses, setUses] = useState<readonly string[]>(['image']);
  const [repositories, setRepositories] = useState('**');
  const [publicKeyPem, setPem] = useState('');
  const [until, setUntil] = useState('');
  const add = useMutation({
    mutationFn: () =>
      api.post('/trust/keys', {
        name,
        uses,
        repositories: listOf(repositories),
        publicKeyPem,
        ...(until === '' ? {} : { validUntil: new Date(until).toISOString() }),
      }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('addKey')} wide disabled={uses.length === 0} sending={add} onClose={onClose}>
      <Field
        label={t('name')}
        required
        pattern="[a-z][a-z0-9._:\-]*"
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <fieldset className="uses">
        <legend>{t('signsWhat')}</legend>
        {USES.map((use) => (
          <label key={use}>
            <input
              type="checkbox"
              checked={uses.includes(use)}
              onChange={(event) =>
                setUses(event.target.checked ? [...uses, use] : uses.filter((other) => other !== use))
              }
            />
            <UseChip use={use} />
          </label>
        ))}
      </fieldset>
      <Field
        label={t('where')}
        hint={t('whereHint')}
        required
        autoComplete="off"
        spellCheck={false}
        value={repositories}
        onChange={(event) => setRepositories(event.target.value)}
      />
      <TextArea
        label={t('publicKey')}
        hint={t('publicKeyHint')}
        required
        rows={5}
        value={publicKeyPem}
        onChange={(event) => setPem(event.target.value)}
      />
      <Field label={t('until')} type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
    </FormDialog>
  );
}

function Keys() {
  const t = useWords(words);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const columns = ({ remove }: ManagedActs): readonly Column<TrustKey>[] => [
    {
      id: 'name',
      label: t('key'),
      cell: (key) => (
        <span className="chips">
          <span className="mono">{key.name}</span>
          {key.signsHere ? <Chip>{t('signsHere')}</Chip> : null}
          {key.name.includes('~') ? <Chip>{t('former')}</Chip> : null}
        </span>
      ),
    },
    { id: 'uses', label: t('signsWhat'), from: 'medium', cell: (key) => <Uses uses={key.uses} /> },
    { id: 'where', label: t('where'), from: 'medium', cell: (key) => <Repositories patterns={key.repositories} /> },
    { id: 'state', label: t('state'), cell: (key) => <Validity {...key} /> },
    {
      id: 'algorithm',
      label: t('algorithm'),
      from: 'wide',
      cell: (key) => <span className="mono">{key.algorithm}</span>,
    },
    {
      id: 'id',
      label: t('fingerprint'),
      from: 'wide',
      cell: (key) => <Copyable value={key.id}>{key.id.slice(0, 12)}</Copyable>,
    },
    ...(isAdmin
      ? [
          {
            id: 'revoke',
            label: '',
            align: 'end' as const,
            cell: (key: TrustKey) =>
              key.revokedAt === null ? (
                <span className="chips">
                  {key.signsHere || key.name.startsWith('builder:') ? (
                    <RowAct
                      name={t('rotateKey', { name: key.name })}
                      onClick={() =>
                        remove({
                          title: t('rotateKey', { name: key.name }),
                          text: t('rotateText', { name: key.name }),
                          action: t('rotate'),
                          run: () => api.post(apiPath(['trust', 'keys', key.name, 'rotate'])),
                        })
                      }
                    >
                      {t('rotate')}
                    </RowAct>
                  ) : null}
                  {key.signsHere ? null : (
                    <RowAct
                      name={t('revokeKey', { name: key.name })}
                      onClick={() =>
                        remove({
                          title: t('revokeKey', { name: key.name }),
                          text: t('revokeText', { name: key.name }),
                          action: t('revoke'),
                          run: () => api.post(apiPath(['trust', 'keys', key.name, 'revoke'])),
                        })
                      }
                    >
                      {t('revoke')}
                    </RowAct>
                  )}
                </span>
              ) : null,
          },
        ]
      : []),
  ];
  return (
    <ManagedList
      title={t('keys')}
      listKey="trust"
      query={useQuery(queries.trustKeys())}
      columns={columns}
      keyOf={(key) => key.name}
      {...(isAdmin
        ? {
            create: {
              label: t('addKey'),
              dialog: (done, close) => <AddKeyDialog onDone={() => done(null)} onClose={close} />,
            },
          }
        : {})}
    />
  );
}

/** What a rule names: a start needs all of it, in the environments that are said or in every one. */
function Demands({ rule }: { rule: Rule }) {
  const t = useWords(words);
  const named = USES.flatMap((use) => {
    const demand: TrustDemand | undefined = rule[use];
    return demand === undefined ? [] : [{ use, ...demand }];
  });
  if (named.length === 0) return <span className="quiet-text">{t('anySigner', { count: 1 })}</span>;
  return (
    <ul className="conditions">
      {named.map(({ use, count, of, environments }) => (
        <li key={use}>
          <UseChip use={use} />
          <span>{of === undefined ? t('anySigner', { count }) : t('ofSigners', { count, names: of.join(', ') })}</span>
          {environments === undefined ? null : (
            <span className="quiet-text">{t('inEnvironments', { names: environments.join(', ') })}</span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** How a signer is recognised. */
function Identity({ signer }: { signer: Signer }) {
  const t = useWords(words);
  if (signer.keyless !== undefined) {
    return t('keyless', { subject: signer.keyless.subject, issuer: signer.keyless.issuer });
  }
  return signer.notation === undefined ? t('byKey') : t('notation', { subject: signer.notation.subject });
}

function PolicyDialog({ policy, onClose }: { policy: TrustPolicy; onClose: () => void }) {
  const t = useWords(words);
  const client = useQueryClient();
  const [text, setText] = useState(() => JSON.stringify(policy.document, null, 2));
  const save = useMutation({
    mutationFn: async () => {
      let document: unknown;
      try {
        document = JSON.parse(text);
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        throw new ApiFailure(400, { title: t('notJson'), detail, code: 'console.not-json', kind: 'invalid' });
      }
      await api.put('/trust/policy', { document, expected: policy.version });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['trust'] });
      onClose();
    },
  });
  return (
    <FormDialog title={t('changePolicy')} act={t('putInForce')} look="danger" wide sending={save} onClose={onClose}>
      <p>{t('changePolicyText')}</p>
      <TextArea label={t('document')} rows={18} value={text} onChange={(event) => setText(event.target.value)} />
    </FormDialog>
  );
}

function PolicyPanels({ policy }: { policy: TrustPolicy }) {
  const t = useWords(words);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const [changing, setChanging] = useState(false);
  const { document: text, version } = policy;
  const { signers = [], rules = [], administrators } = text;
  const signerColumns: readonly Column<Signer>[] = [
    { id: 'name', label: t('signer'), cell: (signer) => <strong>{signer.name}</strong> },
    { id: 'uses', label: t('signsWhat'), cell: (signer) => <Uses uses={signer.uses} /> },
    {
      id: 'where',
      label: t('where'),
      from: 'medium',
      cell: (signer) => <Repositories patterns={signer.repositories ?? ['**']} />,
    },
    { id: 'identity', label: t('recognised'), from: 'medium', cell: (signer) => <Identity signer={signer} /> },
    {
      id: 'state',
      label: t('state'),
      align: 'end',
      cell: (signer) => (
        <Validity
          validFrom={signer.validFrom ?? null}
          validUntil={signer.validUntil ?? null}
          revokedAt={signer.revokedAt ?? null}
        />
      ),
    },
  ];
  const ruleColumns: readonly Column<Rule>[] = [
    { id: 'where', label: t('where'), cell: (rule) => <Repositories patterns={rule.repositories} /> },
    { id: 'demands', label: t('startNeeds'), cell: (rule) => <Demands rule={rule} /> },
  ];
  return (
    <>
      <Panel
        title={t('policy')}
        count={version === 0 ? undefined : t('version', { version: String(version) })}
        actions={isAdmin ? <Button onClick={() => setChanging(true)}>{t('changePolicy')}</Button> : undefined}
      >
        <Facts
          items={[
            [t('binding'), text.binding === 'ignored' ? t('bindingIgnored') : t('bindingRequired')],
            [
              t('administrators'),
              administrators === undefined
                ? t('anyAdministrator')
                : t('signedByAdministrators', { count: administrators.count, of: administrators.keys.length }),
            ],
            ...(version === 0
              ? []
              : [
                  [
                    t('changed'),
                    <span key="c">
                      <Actor actor={policy.actor} />, <When at={policy.createdAt} />
                    </span>,
                  ] as const,
                ]),
          ]}
        />
      </Panel>
      <Panel title={t('rules')} count={rules.length} flush>
        <Table
          label={t('rules')}
          columns={ruleColumns}
          rows={rules}
          keyOf={(rule) => rule.repositories.join(' ')}
          empty={<EmptyState title={t('noRules')}>{t('noRulesText')}</EmptyState>}
        />
      </Panel>
      {signers.length === 0 ? null : (
        <Panel title={t('signers')} count={signers.length} flush>
          <Table label={t('signers')} columns={signerColumns} rows={signers} keyOf={(signer) => signer.name} />
        </Panel>
      )}
      {changing ? <PolicyDialog policy={policy} onClose={() => setChanging(false)} /> : null}
    </>
  );
}

/** Who signs what, how many are asked for, and what stands against a signature. */
export default function TrustPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const policy = useQuery(queries.trustPolicy());
  return (
    <div className="page">
      <PageHead title={t('title')} path={[[shell('images'), addresses.images()]]} />
      <ImagesTabs current="trust" />
      <p className="page-sub">{t('intro')}</p>
      <div className="stack">
        <Keys />
        <Loaded query={policy}>{(found) => <PolicyPanels policy={found} />}</Loaded>
      </div>
    </div>
  );
}
