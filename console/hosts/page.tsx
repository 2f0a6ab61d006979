import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Host } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Select } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Facts, Loaded, PageHead, Panel, Tabs, When } from '../shell/parts/surface.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { Bench } from './bench.tsx';
import { Fleet, WhereIsCve } from './fleet.tsx';
import './hosts.css';
import { Foreign, ForeignRulesPanels } from './foreign.tsx';
import { KernelTruth } from './kernel-truth.tsx';
import { LivePatches } from './live-patches.tsx';
import { Modules } from './modules.tsx';
import { Prevention } from './prevention.tsx';
import { Restarts } from './restarts.tsx';
import { Runtimes } from './runtimes.tsx';
import { Shield } from './shield.tsx';
import { words } from './words.ts';

type Sensor = NonNullable<Host['sensor']>;

/** What each program watches, in words; the sensor names its programs and its gaps in English. */
const WATCHED: Readonly<Record<string, keyof typeof words.en>> = {
  on_exec: 'programsStarted',
  on_fork: 'processesMade',
  on_clone_refused: 'clonesRefused',
  on_clone3_refused: 'clones3Refused',
  on_exit: 'processesEnded',
  on_cgroup_removed: 'containersRemoved',
  on_openat: 'openedOpenat',
  on_openat2: 'openedOpenat2',
  on_open: 'openedOpen',
  on_creat: 'madeCreat',
  on_connect: 'connectionsMade',
  'files opened through io_uring': 'openedRing',
  on_exec_guarded: 'guardedPrograms',
  on_uring_taken: 'ringTaken',
  on_uring_answered: 'ringAnswered',
  on_uring_overflow: 'ringOverflow',
  on_question: 'nameQuestions',
  on_call_32: 'calls32',
  // What the sensor without BPF programs names in words alone.
  blindCalls: 'blindCalls',
  blindOpens: 'blindOpens',
  blindUpper: 'blindUpper',
  blindVolumes: 'blindVolumes',
  blindArguments: 'blindArguments',
  blindBpf: 'blindBpf',
  on_mode_changed: 'rightsByName',
};

function Watched({ name }: { name: string }) {
  const t = useWords(words);
  const known = WATCHED[name] ?? Object.entries(WATCHED).find(([, word]) => words.en[word] === name)?.[1];
  return known === undefined ? name : t(known);
}

/** Why something is not seen; an error of the kernel itself has no words but its own. */
function Why({ why }: { why: Sensor['coverage']['missing'][number]['why'] }) {
  const t = useWords(words);
  const text = useText();
  const isOfKernel = typeof why === 'string' || why.en === why.es;
  if (!isOfKernel) return <span>{text(why)}</span>;
  return (
    <span>
      {t('kernelSays')}{' '}
      <span className="mono" lang="en">
        {text(why)}
      </span>
    </span>
  );
}

function Coverage({ sensor }: { sensor: Sensor }) {
  const t = useWords(words);
  const { programs, missing } = sensor.coverage;
  return (
    <div className="coverage">
      <div>
        <h3>{t('sees')}</h3>
        <p className="chips">
          {programs.map((program) => (
            <StateBadge key={program} tone="ok">
              <Watched name={program} />
            </StateBadge>
          ))}
        </p>
      </div>
      <div>
        <h3>{t('doesNotSee')}</h3>
        {missing.length === 0 ? (
          <p className="quiet-text">{t('seesAll')}</p>
        ) : (
          <ul className="conditions">
            {missing.map((gap) => (
              <li key={gap.what}>
                <StateBadge tone="absent">
                  <Watched name={gap.what} />
                </StateBadge>
                <Why why={gap.why} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function Losses({ sensor }: { sensor: Sensor }) {
  const t = useWords(words);
  const formats = useFormats();
  const lost = Object.entries(sensor.lost);
  const any = lost.some(([, count]) => count > 0);
  return (
    <div className="losses">
      <Facts
        items={[
          [t('events'), formats.number(sensor.events)],
          [
            t('lost'),
            any ? (
              <span key="l" className="chips">
                {lost.map(([kind, count]) => (
                  <StateBadge key={kind} tone={count > 0 ? 'warn' : 'ok'}>
                    {kind} {formats.number(count)}
                  </StateBadge>
                ))}
              </span>
            ) : (
              <StateBadge key="l" tone="ok">
                {t('lostNone')}
              </StateBadge>
            ),
          ],
        ]}
      />
      {any ? <p className="note">{t('lostText')}</p> : null}
    </div>
  );
}

function HostCard({ host }: { host: Host }) {
  const t = useWords(words);
  const text = useText();
  return (
    <section className="stack" aria-label={host.name}>
      <div className="host-head">
        <h2>{host.name}</h2>
        <State state={host.state} />
        <span className="quiet-text">
          {t('seen')} <When at={host.lastSeenAt} />
        </span>
      </div>
      <div className="columns">
        <div className="stack">
          <Panel title={t('kernel')}>
            <Facts
              items={[
                [
                  t('kernel'),
                  <span key="k">
                    <span className="mono">{host.kernel?.release ?? '—'}</span>
                    <br />
                    <span className="mono quiet-text">{host.kernel?.version}</span>
                  </span>,
                ],
                [t('cgroups'), host.cgroup ?? '—'],
                [
                  t('engine'),
                  <span key="e" className="chips">
                    {host.engine === null ? '—' : `${host.engine.name} ${host.engine.version}`}
                    {host.engine === null ? null : <Chip>{host.engine.rootless ? t('rootless') : t('rootful')}</Chip>}
                  </span>,
                ],
                [t('runtime'), host.engine?.runtime ?? '—'],
              ]}
            />
          </Panel>
          <Panel title={t('adaptations')} count={host.adaptations.length}>
            {host.adaptations.length === 0 ? (
              <p className="quiet-text">{t('adaptationsNone')}</p>
            ) : (
              <ul className="adaptations">
                {host.adaptations.map((adaptation) => (
                  <li key={adaptation.code}>
                    {text(adaptation.text)}
                    <span className="mono quiet-text">{adaptation.code}</span>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        </div>
        <Panel title={t('sensor')} actions={<State state={host.sensor?.state ?? 'absent'} />}>
          {host.sensor === null ? (
            <p className="quiet-text">{t('noSensor')}</p>
          ) : (
            <div className="stack">
              <Coverage sensor={host.sensor} />
              <Losses sensor={host.sensor} />
            </div>
          )}
        </Panel>
      </div>
      <Runtimes host={host.name} />
    </section>
  );
}

/** What the page is divided into: each is long, and whoever comes for one of them should not scroll past the others. */
const PARTS = {
  '': 'partHosts',
  prevention: 'partPrevention',
  kernel: 'partKernel',
  checks: 'partChecks',
  restarts: 'partRestarts',
} as const;
type Part = keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as readonly Part[];

function PartOfHost({ part, host }: { part: Part; host: Host }) {
  if (part === '') return <HostCard host={host} />;
  return (
    <section className="stack" aria-label={host.name}>
      <div className="host-head">
        <h2>{host.name}</h2>
        <State state={host.state} />
      </div>
      {part === 'prevention' ? (
        <>
          <Prevention host={host.name} />
          <Foreign host={host.name} />
        </>
      ) : part === 'kernel' ? (
        <>
          <KernelTruth host={host.name} />
          <Shield host={host.name} />
          <Modules host={host.name} />
        </>
      ) : (
        <Bench host={host.name} />
      )}
    </section>
  );
}

/** So many hosts are shown whole on one page; of more, the one that is picked. */
const CARDS_MAX = 3;

function shown(all: readonly Host[], picked: string): readonly Host[] {
  if (all.length <= CARDS_MAX) return all;
  const one = all.find(({ name }) => name === picked);
  return one === undefined ? [] : [one];
}

const nameOf = ([first]: readonly Host[]): string => first?.name ?? '';

export default function HostsPage() {
  const [picked, setPicked] = useSearchParam('host');
  const t = useWords(words);
  const shell = useWords(shellWords);
  const hosts = useQuery(queries.hosts());
  const [askedPart] = useSearchParam('part');
  const part = PART_NAMES.find((one) => one === askedPart) ?? '';
  const toOf = (one: Part) => {
    const query = new URLSearchParams({
      ...(one === '' ? {} : { part: one }),
      ...(picked === '' ? {} : { host: picked }),
    });
    return query.size === 0 ? addresses.hosts() : `${addresses.hosts()}?${query}`;
  };
  return (
    <div className="page hosts-page">
      <PageHead title={shell('hosts')} />
      <Tabs
        label={shell('hosts')}
        current={part}
        items={PART_NAMES.map((one) => ({ id: one, label: t(PARTS[one]), to: toOf(one) }))}
      />
      <Loaded query={hosts}>
        {(all) =>
          all.length === 0 ? (
            <Panel>
              <EmptyState title={t('emptyTitle')} command="darsena doctor">
                {t('emptyText')}
              </EmptyState>
            </Panel>
          ) : (
            <>
              {part === '' ? (
                <>
                  <Fleet
                    hosts={all}
                    picked={all.length > CARDS_MAX ? nameOf(shown(all, picked)) : ''}
                    onPick={setPicked}
                  />
                  <WhereIsCve />
                </>
              ) : part !== 'restarts' && all.length > CARDS_MAX ? (
                <Select
                  label={t('partHosts')}
                  value={nameOf(shown(all, picked))}
                  onPick={setPicked}
                  options={[['', t('pickHost')], ...all.map(({ name }) => [name, name] as const)]}
                />
              ) : null}
              {part === 'restarts'
                ? null
                : shown(all, picked).map((host) => <PartOfHost key={host.name} part={part} host={host} />)}
              {part === 'prevention' ? <ForeignRulesPanels hosts={all.map(({ name }) => name)} /> : null}
              {part === 'restarts' ? <Restarts /> : null}
              {part === 'kernel' ? <LivePatches /> : null}
            </>
          )
        }
      </Loaded>
    </div>
  );
}
