import type { ChainedFact } from '../../journal/index.ts';
import { type CliProgram, defineFaults, renderTemplate, type Text } from '../../system/index.ts';
import { collect, parseTime, parseWorkload } from './exec.ts';

export const eventFault = defineFaults({
  'cli.event-kind': {
    kind: 'invalid',
    en: {
      what: 'no event is of the kind "{text}"',
      why: 'kinds have two parts, such as workload.changed or alert.raised',
      remedy: 'darsena events --filter kind=workload.*',
    },
    es: {
      what: 'ningún evento es del tipo "{text}"',
      why: 'los tipos tienen dos partes, como workload.changed o alert.raised',
      remedy: 'darsena events --filter kind=workload.*',
    },
  },
  'cli.event-filter': {
    kind: 'invalid',
    en: {
      what: '"{text}" is no filter of events',
      why: 'expected kind=, project=, subject=, actor= or digest=, with * for any text',
      remedy: 'darsena events --filter kind=workload.* --filter project=tienda',
    },
    es: {
      what: '"{text}" no es un filtro de eventos',
      why: 'se esperaba kind=, project=, subject=, actor= o digest=, con * para cualquier texto',
      remedy: 'darsena events --filter kind=workload.* --filter project=tienda',
    },
  },
});

/** The longest time that a timer takes (setTimeout: 2^31 - 1 ms, some 24 days). */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
/** Facts of one question about the past. */
const PAGE = 500;
/** Facts of the past that are held here to be put in order. */
const PAST_MAX = 20_000;

interface WorkloadEvent {
  readonly trouble: boolean;
  readonly text: Text;
  readonly count: number;
  readonly lastAt: string;
}

interface EventFlags {
  readonly env?: string;
  readonly since?: string;
  readonly until?: string;
  readonly filter: readonly string[];
  readonly format?: string;
  readonly stream: boolean;
}

/** `events`: what happened and happens, with the flags of docker and podman. */
export function eventCommands(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  program
    .command('events')
    .argument(
      '[workload]',
      t({ en: 'project/workload: what happened to its pods', es: 'proyecto/carga: qué ocurrió con sus pods' }),
    )
    .option(
      '--env <environment>',
      t({ en: 'environment of that workload (the first one)', es: 'entorno de esa carga (el primero)' }),
    )
    .option('--since <time>', t({ en: 'from 10m ago, or a date', es: 'desde hace 10m, o una fecha' }))
    .option(
      '--until <time>',
      t({ en: 'up to 1m ago, or a date; then it ends', es: 'hasta hace 1m, o una fecha; entonces termina' }),
    )
    .option(
      '-f, --filter <key=value>',
      t({
        en: 'kind, project, subject, actor or digest, with * for any text; again for another',
        es: 'kind, project, subject, actor o digest, con * para cualquier texto; repetir para otro',
      }),
      collect,
      [],
    )
    .option(
      '--format <template>',
      t({
        en: 'json, or lines such as {{.Time}} {{.Kind}} {{.Subject}}',
        es: 'json, o líneas como {{.Time}} {{.Kind}} {{.Subject}}',
      }),
    )
    .option('--no-stream', t({ en: 'only what has happened', es: 'solo lo ya ocurrido' }))
    .description(t({ en: 'what happens now, until Ctrl-C', es: 'qué ocurre ahora, hasta Ctrl-C' }))
    .action(async (workload: string | undefined, options: EventFlags) => {
      if (workload !== undefined) {
        await showWorkloadEvents(workload, options.env);
        return;
      }
      const passes = filterOf(options.filter);
      const now = new Date();
      const since = options.since === undefined ? null : parseTime(options.since, now);
      const until = options.until === undefined ? null : parseTime(options.until, now);
      const show = (fact: ChainedFact): void => {
        if (!passes(fact) || (until !== null && fact.at > until) || (since !== null && fact.at < since)) return;
        if (cli.output.json || options.format === 'json') print.json(fact);
        else if (options.format !== undefined)
          for (const line of renderTemplate(options.format, [fieldsOf(fact)])) print.result(line);
        else print.result(`${fact.at.slice(11, 19)}  ${fact.kind.padEnd(20)}  ${fact.subject}  (${fact.actor})`);
      };
      let last = 0;
      if (since !== null || until !== null || !options.stream) {
        for (const fact of await past(since)) {
          show(fact);
          last = Math.max(last, fact.seq);
        }
      }
      const leftMs = until === null ? null : Date.parse(until) - Date.now();
      if (!options.stream || (leftMs !== null && leftMs <= 0)) return;
      await api.stream(
        '/events',
        ({ event, data }) => {
          const isOver = until !== null && new Date().toISOString() > until;
          if (event !== 'fact' || isOver) return !isOver;
          const fact = data as unknown as ChainedFact;
          // What came while the past was read is in both.
          if (fact.seq > last) show(fact);
          return true;
        },
        // Where nothing happens it ends all the same.
        leftMs === null ? {} : { signal: AbortSignal.timeout(Math.min(leftMs + 500, TIMEOUT_MS_MAX)) },
      );
    });

  /** What happened to the pods of one workload within a week, as its host told it; the newest last. */
  async function showWorkloadEvents(name: string, environment: string | undefined): Promise<void> {
    const { project, workload } = parseWorkload(name);
    const query = environment === undefined ? '' : `?${new URLSearchParams({ environment })}`;
    const { items } = await api.get<{ items: WorkloadEvent[] }>(
      `/projects/${project}/workloads/${workload}/events${query}`,
    );
    if (cli.output.json) {
      print.json(items);
      return;
    }
    for (const { trouble, text, count, lastAt } of items.toReversed()) {
      const times = count === 1 ? '' : `  (× ${count})`;
      print.result(`${lastAt.slice(0, 19).replace('T', ' ')}  ${trouble ? '!' : ' '} ${t(text)}${times}`);
    }
    if (items.length === 0) {
      print.note({
        en: 'nothing happened to its pods within a week',
        es: 'no ocurrió nada con sus pods en una semana',
      });
    }
  }

  /** Oldest first. Of more than can be held the newest are shown. */
  async function past(since: string | null): Promise<ChainedFact[]> {
    const found: ChainedFact[] = [];
    let before: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE), ...(before === null ? {} : { before }) });
      const page: { items: ChainedFact[]; next?: string } = await api.get(`/audit/facts?${query}`);
      found.push(...page.items);
      const oldest = page.items.at(-1);
      const isOld = since !== null && oldest !== undefined && oldest.at < since;
      before = isOld || page.next === undefined ? null : page.next;
    } while (before !== null && found.length < PAST_MAX);
    if (before !== null) {
      print.note({
        en: `older ones are not shown: only the last ${found.length} were read`,
        es: `no se muestran los anteriores: solo se leyeron los últimos ${found.length}`,
      });
    }
    return found.reverse();
  }
}

function fieldsOf(fact: ChainedFact): Record<string, string> {
  const { at, kind, subject, actor, project, digest, seq } = fact;
  return {
    ...{ Time: at, Kind: kind, Type: kind, Status: kind, Subject: subject, Name: subject, Actor: actor },
    ...{ Project: project ?? '', Digest: digest ?? '', ID: String(seq) },
  };
}

/** As docker joins them: values of one key are alternatives, keys hold together. @throws Fault cli.event-filter, cli.event-kind */
export function filterOf(filters: readonly string[]): (fact: ChainedFact) => boolean {
  const wanted = new Map<string, RegExp[]>();
  for (const text of filters) {
    const match = /^(kind|event|type|project|subject|workload|container|actor|digest|image)=(.+)$/s.exec(text);
    const key = KEYS[match?.[1] ?? ''];
    if (match?.[2] === undefined || key === undefined)
      throw eventFault('cli.event-filter', { text: text.slice(0, 100) });
    // docker's event=start would be silence for ever.
    if (key === 'kind' && !/[.*]/.test(match[2])) throw eventFault('cli.event-kind', { text: match[2].slice(0, 100) });
    wanted.set(key, [...(wanted.get(key) ?? []), patternOf(match[2], key)]);
  }
  return (fact) =>
    [...wanted].every(([key, patterns]) => {
      const value = String(fact[key as keyof ChainedFact] ?? '');
      return patterns.some((pattern) => pattern.test(value));
    });
}

const KEYS: Readonly<Record<string, string>> = {
  ...{ kind: 'kind', event: 'kind', type: 'kind', project: 'project', actor: 'actor' },
  ...{ subject: 'subject', workload: 'subject', container: 'subject', digest: 'digest', image: 'digest' },
};

/**
 * A subject is found by a part of it, everything else by the whole; `*` is any text. What people call tienda/web is
 * tienda/dev/web in facts.
 */
function patternOf(text: string, key: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const whole = parts.join('[^]*');
  const body = key === 'subject' && /^[^/]+\/[^/]+$/.test(text) ? whole.replace('/', '/(?:[^/]+/)?') : whole;
  return new RegExp(key === 'subject' ? body : `^${body}$`);
}
