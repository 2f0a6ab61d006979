import { readFile, stat } from 'node:fs/promises';
import { type CliProgram, fileReason, type Text } from '../system/index.ts';
import { RuleEngine, type RuleText } from './engine.ts';
import { detectFault } from './errors.ts';
import { inBothLanguages, sayFinding, sayMistake } from './finding-words.ts';
import type { ReplayAlert, RuleReplay } from './replay.ts';
import { ruleBookCommands } from './rule-commands.ts';
import type { Finding } from './rule-file.ts';
import type { FilterMistake, Recording } from './try-filters.ts';

const FAILED = 1;
const INVALID = 2;

/** `darsena rules …`: detection rules. */
export function detectCommands(cli: CliProgram): void {
  const noun = cli.program.command('rules').description(cli.t({ en: 'detection rules', es: 'reglas de detección' }));
  noun
    .command('check')
    .argument('[file...]')
    .option('--filter <condition>', cli.t(WORDS.filter), collect, [])
    .option('--filters <file>', cli.t(WORDS.filters))
    .description(
      cli.t({
        en: 'check rule files in their order, or conditions by themselves; needs no server',
        es: 'comprobar archivos de reglas en su orden, o condiciones sueltas; no necesita servidor',
      }),
    )
    .action(async (files: string[], options: FilterOptions) => {
      const conditions = await readConditions(options);
      if (conditions !== null) await checkConditions(cli, conditions);
      if (files.length === 0) {
        if (conditions === null) throw detectFault('detect.nothing-to-do');
        return;
      }
      const texts = await Promise.all(files.map(readRuleText));
      const unreadable = texts.filter((one) => one.finding !== null);
      const engine = RuleEngine.load(texts.filter((one) => one.finding === null));
      const findings = [
        ...unreadable.flatMap((one) => (one.finding === null ? [] : [one.finding])),
        ...engine.findings,
      ];
      const errors = findings.filter((finding) => finding.severity === 'error');
      const rows = engine.states.map(({ rule, offReason }) => ({
        rule: rule.name,
        priority: rule.priority,
        enabled: offReason === null,
        reason: offReason,
        tags: rule.tags,
        file: rule.place.file,
        line: rule.place.line,
      }));
      if (errors.length > 0) cli.exit(INVALID);
      if (cli.output.json) {
        cli.print.json({ rules: rows, findings });
        return;
      }
      cli.print.table(
        [
          { title: { en: 'rule', es: 'regla' }, value: (row) => row.rule },
          { title: { en: 'priority', es: 'prioridad' }, value: (row) => row.priority },
          { title: { en: 'on', es: 'activa' }, value: (row) => cli.t(row.enabled ? YES : NO) },
          { title: { en: 'tags', es: 'etiquetas' }, value: (row) => row.tags.join(' '), wide: true },
          { title: { en: 'place', es: 'lugar' }, value: (row) => `${row.file}:${row.line}`, wide: true },
          {
            title: { en: 'why off', es: 'por qué no' },
            value: ({ reason }) => (reason === null ? '' : cli.t(sayFinding(reason))),
            long: true,
          },
        ],
        rows,
        { empty: { en: 'no rules', es: 'no hay reglas' } },
      );
      for (const finding of findings) cli.print.note(describeFinding(finding));
      const on = rows.filter((row) => row.enabled).length;
      cli.print.result({
        en: `${rows.length} rules, ${on} on, ${errors.length} errors, ${findings.length - errors.length} warnings`,
        es: `${rows.length} reglas, ${on} activas, ${errors.length} errores, ${findings.length - errors.length} avisos`,
      });
    });

  noun
    .command('test')
    .argument('<recording...>')
    .option('--rules <file...>', cli.t(WORDS.rules))
    .option('--filter <condition>', cli.t(WORDS.filter), collect, [])
    .option('--filters <file>', cli.t(WORDS.filters))
    .option('--enters', cli.t(WORDS.enters))
    .description(
      cli.t({
        en: 'what rules or conditions would have found in recordings (.dcap of darsena capture, .scap of Falco or sysdig, events as JSON lines); needs no server',
        es: 'qué habrían encontrado reglas o condiciones en grabaciones (.dcap de darsena capture, .scap de Falco o sysdig, eventos en líneas JSON); no necesita servidor',
      }),
    )
    .action(async (recordings: string[], { rules, enters, ...rest }: TestOptions) => {
      const conditions = await readConditions(rest);
      if (conditions !== null) {
        await testConditions(cli, recordings, conditions);
        return;
      }
      // The sensor has these commands in its closure too and needs none of it.
      const { RuleReplay } = await import('./replay.ts');
      const { readShippedRules } = await import('./shipped-rules.ts');
      // Without rules of one's own, those that come with the platform.
      const texts =
        rules === undefined
          ? readShippedRules().map((one) => ({ ...one, finding: null }))
          : await Promise.all(rules.map(readRuleText));
      const unreadable = texts.flatMap(({ finding }) => finding ?? []);
      const readable = texts.filter(({ finding }) => finding === null);
      const replay = RuleReplay.load(readable, { enters: enters ?? false });
      const errors = [...unreadable, ...replay.findings].filter(({ severity }) => severity === 'error');
      for (const finding of errors) cli.print.note(describeFinding(finding));
      if (errors.length > 0) {
        cli.exit(INVALID);
        return;
      }
      const outcomes: ReplayOutcome[] = [];
      /** Made for the first recording of our own. */
      let engine: RuleEngine | undefined;
      const live = (): RuleEngine => {
        engine = RuleEngine.load(readable);
        return engine;
      };
      /** Of a rule that failed on some event, none found says nothing. */
      const failed = new Map<string, string>();
      for (const recording of recordings) {
        outcomes.push(await replayFile(recording, replay, live));
        for (const [rule, why] of engine?.failed ?? []) failed.set(rule, why);
      }
      if (failed.size > 0 || outcomes.some(({ cut }) => cut !== null)) cli.exit(FAILED);
      const off = (engine?.states ?? replay.rules).flatMap(({ rule, offReason }) => {
        const reason = offReason ?? failed.get(rule.name) ?? null;
        return reason === null ? [] : [{ rule: rule.name, reason }];
      });
      if (cli.output.json) {
        cli.print.json({
          recordings: outcomes.map((one) => ({ ...one, cut: one.cut === null ? null : cli.t(one.cut) })),
          off,
        });
        return;
      }
      const rows = outcomes.flatMap(({ recording, alerts }) => alerts.map((alert) => ({ recording, ...alert })));
      cli.print.table(
        [
          { title: { en: 'time', es: 'hora' }, value: (row) => row.at.slice(11, 23) },
          { title: { en: 'event', es: 'evento' }, value: (row) => String(row.eventNumber), align: 'right' },
          { title: { en: 'priority', es: 'prioridad' }, value: (row) => row.priority },
          { title: { en: 'rule', es: 'regla' }, value: (row) => row.rule },
          { title: { en: 'recording', es: 'grabación' }, value: (row) => row.recording, wide: true },
          { title: { en: 'output', es: 'salida' }, value: (row) => row.output, long: true },
        ],
        rows,
        { empty: { en: 'no rule held', es: 'ninguna regla se cumplió' } },
      );
      for (const one of outcomes) if (one.cut !== null) cli.print.note(describeCut(one, one.cut));
      for (const { rule, reason } of off)
        cli.print.note({ en: `off: ${rule}: ${reason}`, es: `no activa: ${rule}: ${sayFinding(reason).es}` });
      const events = outcomes.reduce((sum, one) => sum + one.events, 0);
      const on = replay.rules.length - off.length;
      cli.print.result({
        en: `${events} events, ${on} rules on, ${rows.length} alerts`,
        es: `${events} eventos, ${on} reglas activas, ${rows.length} alertas`,
      });
    });
  ruleBookCommands(cli, noun, describeFinding);
}

interface FilterOptions {
  readonly filter: readonly string[];
  readonly filters?: string;
}

interface TestOptions extends FilterOptions {
  readonly rules?: string[];
  readonly enters?: boolean;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** The conditions that were asked for, or null when none were. */
async function readConditions({ filter, filters }: FilterOptions): Promise<readonly string[] | null> {
  if (filters === undefined) return filter.length === 0 ? null : filter;
  const { readFilterLines } = await import('./try-filters.ts');
  try {
    return [...filter, ...readFilterLines(await readFile(filters, 'utf8'))];
  } catch (cause) {
    const why = cause instanceof RangeError ? sayFinding(cause.message) : fileReason(cause);
    throw detectFault('detect.conditions-unreadable', { path: filters, why }, { cause });
  }
}

async function checkConditions(cli: CliProgram, conditions: readonly string[]): Promise<void> {
  const { checkFilters } = await import('./try-filters.ts');
  const verdicts = checkFilters(conditions);
  const wrong = verdicts.filter(({ error }) => error !== null).length;
  if (wrong > 0) cli.exit(INVALID);
  if (cli.output.json) {
    cli.print.json({ filters: verdicts });
    return;
  }
  cli.print.table(
    [
      { title: { en: 'condition', es: 'condición' }, value: (row) => row.filter, long: true },
      { title: { en: 'well formed', es: 'correcta' }, value: (row) => cli.t(row.error === null ? YES : NO) },
      { title: { en: 'mistake', es: 'error' }, value: ({ error }) => cli.t(describeMistake(error)), long: true },
    ],
    verdicts,
  );
  cli.print.result({
    en: `${verdicts.length} conditions, ${wrong} wrong`,
    es: `${verdicts.length} condiciones, ${wrong} incorrectas`,
  });
}

function describeMistake(error: FilterMistake | null): Text {
  if (error === null) return { en: '', es: '' };
  const { en, es } = sayMistake(error);
  const place = `${error.line}:${error.column}`;
  return { en: `${place}: ${en}`, es: `${place}: ${es}` };
}

/** Numbers shown of the events that a condition holds for; `--json` has all. */
const NUMBERS_SHOWN = 20;

async function testConditions(
  cli: CliProgram,
  recordings: readonly string[],
  conditions: readonly string[],
): Promise<void> {
  const { tryFilters } = await import('./try-filters.ts');
  const outcomes: ({ readonly recording: string } & Recording)[] = [];
  for (const recording of recordings) {
    await requireFile(recording);
    try {
      outcomes.push({ recording, ...(await tryFilters(recording, conditions)) });
    } catch (cause) {
      throw detectFault(
        'detect.recording-unreadable',
        { path: recording, why: fileReason(cause), events: 0 },
        { cause },
      );
    }
  }
  const rows = outcomes.flatMap(({ recording, filters }) => filters.map((one) => ({ recording, ...one })));
  if (outcomes.some(({ cut }) => cut !== null)) cli.exit(FAILED);
  if (rows.some(({ error }) => error !== null)) cli.exit(INVALID);
  if (cli.output.json) {
    cli.print.json({ recordings: outcomes.map((one) => ({ ...one, cut: one.cut === null ? null : cli.t(one.cut) })) });
    return;
  }
  cli.print.table(
    [
      { title: { en: 'recording', es: 'grabación' }, value: (row) => row.recording, wide: true },
      { title: { en: 'condition', es: 'condición' }, value: (row) => row.filter, long: true },
      { title: { en: 'events', es: 'eventos' }, value: (row) => String(row.events.length), align: 'right' },
      {
        title: { en: 'numbers', es: 'números' },
        value: ({ events, error }) =>
          error === null
            ? `${events.slice(0, NUMBERS_SHOWN).join(' ')}${events.length > NUMBERS_SHOWN ? ' …' : ''}`
            : cli.t(describeMistake(error)),
        long: true,
      },
    ],
    rows,
  );
  for (const one of outcomes) if (one.cut !== null) cli.print.note(describeCut(one, one.cut));
  const events = outcomes.reduce((sum, one) => sum + one.events, 0);
  cli.print.result({
    en: `${events} events, ${conditions.length} conditions`,
    es: `${events} eventos, ${conditions.length} condiciones`,
  });
}

const WORDS = {
  filter: {
    en: 'a condition of the rules’ language; may be given several times',
    es: 'una condición del lenguaje de reglas; puede repetirse',
  },
  filters: {
    en: 'file of conditions: one a line, or JSON objects with "expr"',
    es: 'archivo de condiciones: una por línea, u objetos JSON con "expr"',
  },
  rules: {
    en: 'rule files, in their order (default: those of the platform)',
    es: 'archivos de reglas, en su orden (por omisión: los de la plataforma)',
  },
  enters: {
    en: 'try rules also where calls begin, as Falco did before 2025',
    es: 'probar las reglas también donde empiezan las llamadas, como Falco antes de 2025',
  },
} as const satisfies Record<string, Text>;

/** A recording of ours, or of Falco or sysdig. @param live makes an engine: rules over time begin anew with each recording */
async function replayFile(path: string, replay: RuleReplay, live: () => RuleEngine): Promise<ReplayOutcome> {
  await requireFile(path);
  const { readScap, recordingChunks } = await import('../events/scap/index.ts');
  const { openCapture } = await import('../events/capture/index.ts');
  const found = { events: 0, alerts: [] as ReplayAlert[] };
  let cut: Text | null = null;
  let isSealed = false;
  try {
    const own = await openCapture(path);
    isSealed = own !== null;
    if (own !== null) {
      const { replayCapture } = await import('./replay-capture.ts');
      await replayCapture(own, live(), found);
    } else {
      replay.begin();
      await readScap(recordingChunks(path), (event) => {
        found.events++;
        for (const alert of replay.try(event)) found.alerts.push(alert);
      });
    }
  } catch (cause) {
    cut = fileReason(cause);
    // The seal of one of ours is its worth: of one that was cut or changed nothing is told.
    if (isSealed || found.events === 0) {
      const { events } = found;
      throw detectFault('detect.recording-unreadable', { path, why: cut, events }, { cause });
    }
  }
  return { recording: path, ...found, cut };
}

interface ReplayOutcome {
  readonly recording: string;
  readonly events: number;
  readonly alerts: readonly ReplayAlert[];
  /** Why it cannot be read to its end, where there were events before that. */
  readonly cut: Text | null;
}

/** A pipe would be waited for without an end, and a recording is read from its beginning more than once. */
async function requireFile(path: string): Promise<void> {
  let isFile = true;
  try {
    isFile = (await stat(path)).isFile();
  } catch {
    return; // whoever opens it says what is wrong
  }
  if (!isFile) throw detectFault('detect.recording-no-file', { path });
}

function describeCut({ recording, events }: { recording: string; events: number }, why: Text): Text {
  return {
    en: `${recording} cannot be read beyond ${events} events (${why.en}); what is said is of those`,
    es: `${recording} no puede leerse más allá de ${events} eventos (${why.es}); lo dicho es de ellos`,
  };
}

const YES: Text = { en: 'yes', es: 'sí' };
const NO: Text = { en: 'no', es: 'no' };

async function readRuleText(file: string): Promise<RuleText & { finding: Finding | null }> {
  try {
    return { file, text: await readFile(file, 'utf8'), finding: null };
  } catch (error) {
    const { en, es } = fileReason(error);
    const said = { message: `the file cannot be read: ${en}`, spanish: `el archivo no puede leerse: ${es}` };
    const place = { file, line: 1, column: 1, item: null };
    return { file, text: '', finding: { severity: 'error', code: 'LOAD_ERR_FILE_READ', ...said, ...place } };
  }
}

/** `file:line:column: error CODE: message (item)`, the form that editors understand. */
function describeFinding(finding: Finding): Text {
  const { severity, code, message, file, line, column, item, hint, spanish, spanishHint } = inBothLanguages(finding);
  const place = `${file}:${line}:${column}`;
  const of = item === null ? '' : ` (${item})`;
  const say = (meant: string | undefined): string => `${of}${meant === undefined ? '' : `; ${meant}`}`;
  return {
    en: `${place}: ${severity} ${code}: ${message}${say(hint)}`,
    es: `${place}: ${severity === 'error' ? 'error' : 'aviso'} ${code}: ${spanish ?? message}${say(spanishHint ?? hint)}`,
  };
}
