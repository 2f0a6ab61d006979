import { type QueryClient, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { queries } from '../api/queries.ts';
import type { ScanReport } from '../api/types.ts';
import { addresses } from './addresses.ts';
import { shortDigest } from './format.ts';
import { useLanguage, useWords } from './language.tsx';
import { PLACES } from './layout.tsx';
import { useNavigate } from './router.tsx';
import { useChooseLanguage } from './session.ts';
import { oppositeTheme, setTheme } from './theme.ts';
import { words } from './words.ts';

interface Entry {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  readonly text: string;
  readonly run: () => void;
}

const SHOWN = 12;

/** Commands a person types elsewhere; choosing one copies it. */
const CLI_COMMANDS = [
  'darsena deploy',
  'darsena promote',
  'darsena status',
  'darsena doctor',
  'darsena scan',
  'darsena exec',
  'darsena logs',
  'darsena base create',
  'darsena advisories update',
  'darsena audit verify',
];

/** Scans that some page has already read: their findings can be found by CVE. */
function readScans(client: QueryClient): readonly (readonly [project: string, report: ScanReport])[] {
  return client
    .getQueriesData<ScanReport | null>({ queryKey: ['images'], predicate: (query) => query.queryKey[3] === 'scan' })
    .flatMap(([key, report]) => (report === null || report === undefined ? [] : [[String(key[1]), report] as const]));
}

/** Prefix of a word first, then anywhere; all words of the query must occur. */
function score(entry: Entry, query: string): number {
  const hay = entry.text.toLowerCase();
  let total = 0;
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = hay.indexOf(word);
    if (at === -1) return -1;
    total += at === 0 ? 3 : /[^a-z0-9]/.test(hay[at - 1] ?? ' ') ? 2 : 1;
  }
  return total;
}

function useEntries(onHelp: () => void): readonly Entry[] {
  const t = useWords(words);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { language } = useLanguage();
  const chooseLanguage = useChooseLanguage();
  const projects = useQuery(queries.projects()).data ?? [];
  const incidents = useQuery(queries.incidents()).data ?? [];
  const hosts = useQuery(queries.hosts()).data ?? [];
  const images = useQueries({ queries: projects.map((project) => queries.images(project.name)) });
  const workloads = useQueries({ queries: projects.map((project) => queries.workloads(project.name)) });
  const entry = (id: string, kind: string, title: string, detail: string, run: () => void): Entry => ({
    id,
    kind,
    title,
    detail,
    text: `${title} ${detail} ${kind}`,
    run,
  });
  const page = (id: string, kind: string, title: string, detail: string, to: string) =>
    entry(id, kind, title, detail, () => navigate(to));

  return [
    ...PLACES.map((place) => page(`page-${place.key}`, t('kindPage'), t(place.key), '', place.to)),
    page('page-operations', t('kindPage'), t('activity'), '/operations', addresses.operations()),
    page('page-live', t('kindPage'), t('activity'), '/live', addresses.live()),
    ...projects.map((project) =>
      page(`project-${project.name}`, t('kindProject'), project.name, '', addresses.project(project.name)),
    ),
    ...workloads.flatMap((query) =>
      (query.data ?? []).map((workload) =>
        page(
          `workload-${workload.project}-${workload.environment}-${workload.name}`,
          t('kindWorkload'),
          `${workload.project}/${workload.name}`,
          workload.environment,
          addresses.workload(workload.project, workload.environment, workload.name),
        ),
      ),
    ),
    ...images.flatMap((query, index) =>
      (query.data ?? []).map((image) =>
        page(
          `image-${image.repository}-${image.digest}`,
          t('kindImage'),
          `${image.repository}${image.tags[0] === undefined ? '' : `:${image.tags[0]}`}`,
          shortDigest(image.digest),
          addresses.image(projects[index]?.name ?? '', image.digest),
        ),
      ),
    ),
    ...incidents.map((incident) =>
      page(
        `incident-${incident.number}`,
        t('kindIncident'),
        `#${incident.number} ${incident.title}`,
        incident.project === null ? '' : `${incident.project}/${incident.workload ?? ''}`,
        addresses.incident(incident.number),
      ),
    ),
    ...readScans(client).flatMap(([project, report]) =>
      report.findings.map((finding) =>
        page(
          `finding-${report.digest}-${finding.id}-${finding.package.purl}`,
          t('kindFinding'),
          [finding.id, ...finding.aliases].join(' '),
          `${finding.package.name} ${finding.package.version}`,
          `${addresses.image(project, report.digest)}?q=${encodeURIComponent(finding.id)}`,
        ),
      ),
    ),
    ...hosts.map((host) =>
      page(`host-${host.name}`, t('kindHost'), host.name, host.kernel?.release ?? '', addresses.hosts()),
    ),
    entry('command-theme', t('kindCommand'), t('switchTheme'), '', () => setTheme(oppositeTheme())),
    entry(
      'command-language',
      t('kindCommand'),
      t('switchLanguage'),
      '',
      () => void chooseLanguage(language === 'en' ? 'es' : 'en'),
    ),
    entry('command-help', t('kindCommand'), t('helpTitle'), '?', onHelp),
    ...CLI_COMMANDS.map((command) =>
      entry(`cli-${command}`, t('kindCli'), command, t('copy'), () => void navigator.clipboard.writeText(command)),
    ),
  ];
}

/** Search over everything that has a name. A combobox: focus stays in the field, arrows choose. */
export default function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const t = useWords(words);
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState('');
  const [index, setIndex] = useState(0);
  const entries = useEntries(onHelp);
  const found = useMemo(
    () =>
      entries
        .map((entry) => ({ entry, score: score(entry, query) }))
        .filter((item) => item.score >= 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, SHOWN)
        .map((item) => item.entry),
    [entries, query],
  );
  const chosen = Math.min(index, Math.max(0, found.length - 1));

  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  const run = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    onClose();
    entry.run();
  };

  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label={t('searchLong')}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found.length === 0 ? undefined : `${id}-${chosen}`}
        aria-label={t('searchLong')}
        placeholder={t('paletteHint')}
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setIndex(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setIndex(Math.min(found.length - 1, chosen + 1));
          else if (event.key === 'ArrowUp') setIndex(Math.max(0, chosen - 1));
          else if (event.key === 'Enter') run(found[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <div role="listbox" id={`${id}-list`} aria-label={t('searchLong')}>
        {found.map((entry, at) => (
          <div
            key={entry.id}
            id={`${id}-${at}`}
            role="option"
            tabIndex={-1}
            aria-selected={at === chosen}
            onPointerMove={() => setIndex(at)}
            onPointerDown={(event) => {
              event.preventDefault();
              run(entry);
            }}
          >
            <span className="option-kind">{entry.kind}</span>
            <span className="option-title">{entry.title}</span>
            <span className="option-detail">{entry.detail}</span>
          </div>
        ))}
      </div>
      {found.length === 0 ? <p className="no-rows">{t('paletteNothing', { query })}</p> : null}
    </dialog>
  );
}
