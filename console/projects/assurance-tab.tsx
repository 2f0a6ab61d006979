import { useQuery } from '@tanstack/react-query';
import { apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import type { EnvironmentAssurance } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { EmptyState, Facts, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { assuranceWords } from './assurance-words.ts';
import './assurance.css';
import { words } from './words.ts';

const DAYS = 30;
const DAY_MS = 24 * 3_600_000;

/** Never rounded up: 99.9996 % is not all of the time. What a product of floats loses is given back: 64.002 stays so. */
function useShare(): (percent: number) => string {
  const { language } = useLanguage();
  const format = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 3 });
  return (percent) => format.format(Math.floor(percent * 1_000 + 1e-6) / 100_000);
}

function Days({ of: { byDay, days } }: { of: EnvironmentAssurance }) {
  const t = useWords(assuranceWords);
  const { duration } = useFormats();
  const { language } = useLanguage();
  const name = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const known = new Map(byDay.map((one) => [one.day, one]));
  const all = Array.from({ length: days }, (_, index) => new Date(Date.now() - (days - 1 - index) * DAY_MS));
  return (
    <ol className="days" aria-label={t('days', { count: days })}>
      {all.map((at) => {
        const found = known.get(at.toISOString().slice(0, 10));
        const day = name.format(at);
        const [tone, text] =
          found === undefined
            ? (['absent', t('dayUnwatched', { day })] as const)
            : ([
                found.downSeconds === 0 ? 'ok' : 'bad',
                t('day', {
                  day,
                  down: duration(found.downSeconds * 1_000),
                  time: duration(found.watchedSeconds * 1_000),
                }),
              ] as const);
        return (
          <li key={day} className={`day-${tone}`} title={text}>
            <span className="hidden-text">{text}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Stated({ of: { objective, missed, allowedSeconds, downSeconds } }: { of: EnvironmentAssurance }) {
  const t = useWords(assuranceWords);
  const share = useShare();
  const { duration } = useFormats();
  if (objective === null) return <span className="quiet-text">{t('notStated')}</span>;
  const [down, allowed] = [duration(downSeconds * 1_000), duration((allowedSeconds ?? 0) * 1_000)];
  return (
    <span className="stack-tight">
      {t('statedShare', { share: share(objective), down, allowed })}
      {missed === null ? null : <StateBadge tone={missed ? 'bad' : 'ok'}>{t(missed ? 'missed' : 'kept')}</StateBadge>}
    </span>
  );
}

function Availability({ of: one }: { of: EnvironmentAssurance }) {
  const t = useWords(assuranceWords);
  const share = useShare();
  const { duration } = useFormats();
  const time = (seconds: number): string => duration(seconds * 1_000);
  const { served, down, maintenanceSeconds } = one;
  const was = served === null ? t('notWatched') : t('served', { share: share(served), time: time(one.watchedSeconds) });
  const without = down.map(({ workload, downSeconds: of }) => t('downOf', { workload, time: time(of) })).join(', ');
  return (
    <>
      <Facts
        items={[
          [t('serving'), was],
          [t('stated'), <Stated key="stated" of={one} />],
          [t('down'), served === null ? '—' : without === '' ? t('never') : without],
          ...(maintenanceSeconds === 0 ? [] : [[t('maintenance'), time(maintenanceSeconds)] as const]),
        ]}
      />
      <Days of={one} />
    </>
  );
}

function Environment({ of: one }: { of: EnvironmentAssurance }) {
  const t = useWords(assuranceWords);
  const project = useWords(words);
  const { images, volumes } = one;
  const part = (count: number, total: number, none: string): string =>
    total === 0 ? none : t('part', { part: count, total });
  const ofVolumes = (count: number): string => part(count, volumes.total, t('noVolumes'));
  return (
    <Panel title={one.environment} actions={<Chip>{project(one.class)}</Chip>}>
      <div className="assurance">
        <section>
          <h3>{t('availability')}</h3>
          <Availability of={one} />
        </section>
        <section>
          <h3>{t('integrity')}</h3>
          <Facts
            items={[
              [t('images'), part(images.signed, images.total, t('noImages'))],
              [t('restored'), ofVolumes(volumes.restored)],
              ...(volumes.oldestBackupAt === null
                ? []
                : [[t('lastBackup'), <When key="backup" at={volumes.oldestBackupAt} />] as const]),
            ]}
          />
          {volumes.failedAt === null ? null : (
            <p>
              <StateBadge tone="bad">{t('restoreFailed')}</StateBadge> <When at={volumes.failedAt} />
            </p>
          )}
        </section>
        <section>
          <h3>{t('confidentiality')}</h3>
          <Facts
            items={[
              [t('encrypted'), ofVolumes(volumes.encrypted)],
              [t('backups'), ofVolumes(volumes.backedUp)],
              [t('transit'), t('transitText')],
            ]}
          />
        </section>
      </div>
    </Panel>
  );
}

/** What is stated of each environment, and what was measured: how available, intact and confidential it is. */
export default function AssuranceTab({ project }: { project: string }) {
  const t = useWords(assuranceWords);
  const assurance = useQuery({
    queryKey: ['assurance', project],
    queryFn: () => listOf<EnvironmentAssurance>(apiPath(['projects', project, 'assurance'], { days: DAYS })),
    refetchInterval: 60_000,
  });
  return (
    <Loaded query={assurance}>
      {(items) =>
        items.length === 0 ? (
          <EmptyState title={t('noneYet')}>{t('noneYetText')}</EmptyState>
        ) : (
          <div className="stack">
            {items.map((one) => (
              <Environment key={one.environment} of={one} />
            ))}
            <p className="quiet-text">{t('how')}</p>
          </div>
        )
      }
    </Loaded>
  );
}
