import { csvLine } from '../formats/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import { ACTIONS, CONTAINER_GONE, describeAction, isInForce } from './actions.ts';
import type { SavedFilter } from './casework/casework.ts';
import { caseworkCommands, showCasework, triage } from './casework/commands.ts';
import { respondFault } from './errors.ts';
import { type Incident, PRIORITY_WORDS, placeOf } from './incident.ts';
import type { Offer } from './respond.ts';
import { DECISIONS, printable, type Station, type TimelineEntry } from './timeline.ts';
import type { ActionView, IncidentDetailView, IncidentView, ProcessNodeView } from './view.ts';

const STATE: Readonly<Record<Incident['state'], Text>> = {
  open: { en: 'open', es: 'abierto' },
  acknowledged: { en: 'acknowledged', es: 'reconocido' },
  contained: { en: 'contained', es: 'contenido' },
  closed: { en: 'closed', es: 'cerrado' },
};

const STATION: Readonly<Record<Station, Text>> = {
  commit: { en: 'commit', es: 'commit' },
  build: { en: 'build', es: 'construcción' },
  scan: { en: 'scan', es: 'análisis' },
  signature: { en: 'signature', es: 'firma' },
  verdict: { en: 'verdict', es: 'veredicto' },
  deploy: { en: 'deploy', es: 'despliegue' },
  session: { en: 'session', es: 'sesión' },
  alert: { en: 'ALERT', es: 'ALERTA' },
  action: { en: 'action', es: 'acción' },
  incident: { en: 'incident', es: 'incidente' },
};

/** `darsena incident …`: what was noticed, how it came about, and ending it. */
export function respondCommands(cli: CliProgram): void {
  const noun = cli.program.command('incident').description(cli.t({ en: 'incidents', es: 'incidentes' }));
  noun
    .command('list')
    .option('--all', cli.t({ en: 'closed ones too', es: 'también los cerrados' }))
    .option('--state <state>', 'open | acknowledged | contained | closed')
    .option('--project <name>', cli.t({ en: 'of one project', es: 'de un proyecto' }))
    .option('--env <environment>', cli.t({ en: 'of one environment', es: 'de un entorno' }))
    .option('--priority <level>', cli.t({ en: 'of this or worse', es: 'de esta o peor' }))
    .option('--owner <who>', cli.t({ en: 'of somebody (user:NAME), or me', es: 'de alguien (user:NOMBRE), o me' }))
    .option(
      '--text <words>',
      cli.t({
        en: 'in whose name, place or number these words stand',
        es: 'en cuyo nombre, lugar o número estén estas palabras',
      }),
    )
    .option('-n, --limit <number>', cli.t({ en: 'the newest so many', es: 'los tantos más nuevos' }))
    .option(
      '--csv',
      cli.t({ en: 'as CSV for a spreadsheet, all of them', es: 'como CSV para una hoja de cálculo, todos' }),
    )
    .option('--filter <name>', cli.t({ en: 'a saved filter', es: 'un filtro guardado' }))
    .option('--save <name>', cli.t({ en: 'save these choices as a filter', es: 'guardar estas opciones como filtro' }))
    .description(cli.t({ en: 'list the incidents that are not closed', es: 'listar los incidentes sin cerrar' }))
    .action(async (options: ListFlags) => {
      const { all, filter, save, env, limit, csv, ...rest } = options;
      const asked = { ...rest, ...(env === undefined ? {} : { environment: env }) };
      const saved = filter === undefined ? {} : await savedQuery(cli, filter);
      const state = all === true ? {} : { state: 'unclosed' };
      const query: SavedFilter['query'] = { ...state, ...saved, ...asked };
      if (save !== undefined) await cli.api.put('/incident-filters', { name: save, query });
      if (csv === true) {
        await writeIncidentsAsCsv(cli, query, limit);
        return;
      }
      const items: IncidentView[] = [];
      let isWhole = true;
      const most = limit === undefined ? LISTED : Number(limit);
      for await (const page of incidentPages(cli, query, most)) {
        items.push(...page.items);
        isWhole = page.next === undefined;
      }
      listIncidents(cli, items);
      if (!isWhole)
        cli.print.note({
          en: `the newest ${items.length}; there are older ones: --limit, --text, --priority`,
          es: `los ${items.length} más nuevos; hay anteriores: --limit, --text, --priority`,
        });
    });
  noun
    .command('show')
    .argument('<number>')
    .description(
      cli.t({
        en: 'show an incident from the build to the system call',
        es: 'mostrar un incidente desde la construcción hasta la llamada al sistema',
      }),
    )
    .action(async (number: string) => {
      const incident = await cli.api.get<IncidentDetailView>(`/incidents/${encodeURIComponent(number)}`);
      if (cli.output.json) cli.print.json(incident);
      else {
        showIncident(cli, incident);
        await showCasework(cli, incident.number);
      }
    });
  noun
    .command('respond')
    .argument('<number>')
    .argument('[action]', ACTIONS.map(({ kind }) => kind).join(' | '))
    .option('--preview', cli.t({ en: 'say what it will do, and do nothing', es: 'decir qué hará, sin hacerlo' }))
    .option(
      '--kill',
      cli.t({ en: 'end the processes that the alerts name', es: 'terminar los procesos que nombran las alertas' }),
    )
    .option(
      '--container',
      cli.t({ en: 'with --kill: end the whole container', es: 'con --kill: terminar el contenedor entero' }),
    )
    .option('--reason <text>', cli.t({ en: 'why', es: 'por qué' }))
    .description(cli.t({ en: 'act on an incident', es: 'actuar sobre un incidente' }))
    .action(async (number: string, wanted: string | undefined, options: RespondFlags) => {
      const killing = options.container === true ? 'kill-container' : 'kill-process';
      const asked = options.kill === true ? killing : wanted;
      if (options.preview === true) return previewActions(cli, number, asked);
      if (asked === undefined) throw respondFault('respond.action-needed', { number });
      const { action } = await respondTo<{ action: ActionView }>(cli, number, {
        action: asked,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      });
      if (cli.output.json) cli.print.json(action);
      else {
        const tone = action.state === 'done' ? 'good' : 'bad';
        cli.print.result(cli.print.colour(tone, cli.t(action.detail ?? { en: action.state, es: action.state })));
      }
      if (action.state !== 'done') cli.exit(1);
    });
  noun
    .command('approve')
    .argument('<number>')
    .argument(
      '<action>',
      cli.t({ en: 'what show tells: isolate, or an id', es: 'lo que dice show: isolate, o un identificador' }),
    )
    .option('--decline', cli.t({ en: 'say no', es: 'decir que no' }))
    .option('--reason <text>', cli.t({ en: 'why', es: 'por qué' }))
    .description(cli.t({ en: 'answer what a policy asks for', es: 'responder a lo que pide una política' }))
    .action(async (number: string, id: string, options: { decline?: boolean; reason?: string }) => {
      const path = `/incidents/${encodeURIComponent(number)}/actions/${encodeURIComponent(id)}`;
      const body = { approve: options.decline !== true, reason: options.reason ?? null };
      const action = await cli.api.post<ActionView>(path, body);
      if (cli.output.json) cli.print.json(action);
      else if (options.decline === true)
        cli.print.result({ en: `${action.action} declined`, es: `${action.action} rechazado` });
      else cli.print.result({ en: `${action.action} begins`, es: `${action.action} empieza` });
    });
  noun
    .command('ack')
    .argument('<number...>')
    .description(cli.t({ en: 'take incidents on', es: 'hacerse cargo de incidentes' }))
    .action(async (numbers: string[]) => {
      const [number = ''] = numbers;
      if (numbers.length > 1) return triage(cli, numbers, { action: 'acknowledge' });
      const { incident } = await respondTo<{ incident: IncidentView }>(cli, number, { action: 'acknowledge' });
      if (cli.output.json) cli.print.json(incident);
      else {
        cli.print.result({
          en: `incident ${incident.number} is now with ${incident.owner}`,
          es: `del incidente ${incident.number} se encarga ahora ${incident.owner}`,
        });
      }
    });
  noun
    .command('close')
    .argument('<number...>')
    .requiredOption('--reason <text>', cli.t({ en: 'what it was', es: 'qué era' }))
    .option('--decision <word>', 'confirmed | false-alarm | accepted | test', 'confirmed')
    .description(cli.t({ en: 'close incidents', es: 'cerrar incidentes' }))
    .action(async (numbers: string[], options: { reason: string; decision: string }) => {
      const { reason, decision } = options;
      const [number = ''] = numbers;
      if (numbers.length > 1) return triage(cli, numbers, { action: 'close', decision, reason });
      const { incident } = await respondTo<{ incident: IncidentView }>(cli, number, {
        action: 'close',
        decision,
        reason,
      });
      if (cli.output.json) cli.print.json(incident);
      else cli.print.result({ en: `incident ${incident.number} closed`, es: `incidente ${incident.number} cerrado` });
    });
  caseworkCommands(cli, noun);
}

const LISTED = 200;
/** As many as the platform gives at once. */
const PAGE = 200;

interface IncidentPage {
  readonly items: readonly IncidentView[];
  readonly next?: string;
}

/** Newest first, page by page; a number that is none is for the platform to refuse. */
async function* incidentPages(
  cli: CliProgram,
  query: SavedFilter['query'],
  most: number,
): AsyncGenerator<IncidentPage> {
  let left = most;
  let before: string | undefined;
  do {
    const page: IncidentPage = await cli.api.get(
      `/incidents?${new URLSearchParams({ ...query, limit: String(Math.min(left, PAGE)), ...(before === undefined ? {} : { before }) })}`,
    );
    yield page;
    left -= page.items.length;
    before = page.next;
  } while (before !== undefined && left > 0);
}

const CSV_COLUMNS = [
  ...(['number', 'state', 'priority', 'title', 'rule', 'project', 'environment', 'workload', 'container'] as const),
  ...(['host', 'digest', 'alerts', 'openedAt', 'lastAlertAt', 'acknowledgedAt', 'containedAt', 'closedAt'] as const),
  ...(['owner', 'decision', 'reason'] as const),
];

async function writeIncidentsAsCsv(
  cli: CliProgram,
  query: SavedFilter['query'],
  limit: string | undefined,
): Promise<void> {
  cli.print.result(csvLine(CSV_COLUMNS));
  const most = limit === undefined ? Number.MAX_SAFE_INTEGER : Number(limit);
  for await (const { items } of incidentPages(cli, query, most))
    for (const one of items) cli.print.result(csvLine(CSV_COLUMNS.map((column) => one[column])));
}

interface ListFlags {
  readonly text?: string;
  readonly limit?: string;
  readonly csv?: boolean;
  readonly all?: boolean;
  readonly state?: string;
  readonly project?: string;
  readonly env?: string;
  readonly priority?: string;
  readonly owner?: string;
  readonly filter?: string;
  readonly save?: string;
}

async function savedQuery(cli: CliProgram, name: string): Promise<SavedFilter['query']> {
  const { items } = await cli.api.get<{ items: SavedFilter[] }>('/incident-filters');
  const found = items.find((one) => one.name === name);
  if (found === undefined) throw respondFault('respond.filter-unknown', { name });
  return found.query;
}

interface RespondFlags {
  readonly kill?: boolean;
  readonly container?: boolean;
  readonly preview?: boolean;
  readonly reason?: string;
}

/** What can be done, each with what it will do; nothing is done. */
async function previewActions(cli: CliProgram, number: string, wanted: string | undefined): Promise<void> {
  const { items } = await cli.api.get<{ items: Offer[] }>(`/incidents/${encodeURIComponent(number)}/actions`);
  const shown = items.filter(({ kind }) => wanted === undefined || kind === wanted);
  if (cli.output.json) return cli.print.json({ items: shown });
  for (const { kind, effect, why, undo } of shown) {
    const takenBack =
      undo === null ? '' : cli.t({ en: `  (taken back by: ${undo})`, es: `  (se deshace con: ${undo})` });
    cli.print.line(`${cli.print.colour(why === null ? 'strong' : 'faint', kind)}${takenBack}`);
    if (why !== null) cli.print.line(`  ${cli.t({ en: 'not now', es: 'ahora no' })}: ${cli.t(why)}`);
    else for (const text of effect) cli.print.line(`  ${cli.t(text)}`);
  }
}

function respondTo<T>(cli: CliProgram, number: string, body: object): Promise<T> {
  return cli.api.post<T>(`/incidents/${encodeURIComponent(number)}/respond`, body);
}

/** What contained it may be gone with its container: that is no reason to believe that something is still held. */
function stateOf(cli: CliProgram, { state, containerGone }: IncidentView): string {
  const word = cli.t(STATE[state]);
  return state === 'contained' && containerGone
    ? `${word} (${cli.t({ en: 'container gone', es: 'contenedor ya no existe' })})`
    : word;
}

function listIncidents(cli: CliProgram, incidents: readonly IncidentView[]): void {
  cli.print.table(
    [
      { title: { en: 'no.', es: 'n.º' }, value: (row) => String(row.number), align: 'right' },
      { title: { en: 'state', es: 'estado' }, value: (row) => stateOf(cli, row) },
      { title: { en: 'severity', es: 'gravedad' }, value: (row) => cli.t(PRIORITY_WORDS[row.priority]) },
      { title: { en: 'what and where', es: 'qué y dónde' }, value: (row) => printable(row.title) },
      { title: { en: 'alerts', es: 'alertas' }, value: (row) => String(row.alerts), align: 'right' },
      { title: { en: 'last', es: 'última' }, value: (row) => cli.print.age(row.lastAlertAt) },
      { title: { en: 'with', es: 'a cargo de' }, value: (row) => row.owner ?? '–' },
      { title: { en: 'host', es: 'host' }, value: (row) => row.host, wide: true },
      { title: { en: 'digest', es: 'digest' }, value: (row) => row.digest ?? '–', wide: true },
    ],
    incidents,
    { empty: { en: 'no open incidents', es: 'no hay incidentes abiertos' } },
  );
}

function showIncident(cli: CliProgram, incident: IncidentDetailView): void {
  const { print } = cli;
  const heading = (text: Text) => {
    print.line('');
    print.line(print.colour('strong', cli.t(text)));
  };
  const field = (name: Text, value: string | null) => {
    if (value !== null) print.line(`  ${cli.t(name).padEnd(12)} ${value}`);
  };
  const state = stateOf(cli, incident);
  print.line(
    print.colour(
      'strong',
      `${cli.t({ en: 'Incident', es: 'Incidente' })} ${incident.number}: ${printable(incident.title)}`,
    ),
  );
  field({ en: 'state', es: 'estado' }, incident.owner === null ? state : `${state} (${incident.owner})`);
  field({ en: 'severity', es: 'gravedad' }, cli.t(PRIORITY_WORDS[incident.priority]));
  field({ en: 'where', es: 'dónde' }, `${printable(placeOf(incident))} @ ${incident.host}`);
  const gone = incident.containerGone ? ` – ${cli.t(CONTAINER_GONE)}` : '';
  field(
    { en: 'container', es: 'contenedor' },
    incident.containerId === null ? null : `${incident.containerId.slice(0, 12)}${gone}`,
  );
  field({ en: 'image', es: 'imagen' }, incident.digest);
  field({ en: 'alerts', es: 'alertas' }, String(incident.alerts));
  const decision = DECISIONS[incident.decision ?? ''];
  if (decision !== undefined) {
    field({ en: 'decision', es: 'decisión' }, `${cli.t(decision)}: ${printable(incident.reason ?? '')}`);
  }
  heading({ en: 'How it came about', es: 'Cómo ocurrió' });
  for (const line of timelineLines(cli, incident.timeline)) print.line(line);
  const waiting = incident.actions.filter(({ state }) => state === 'awaiting');
  if (waiting.length > 0) {
    heading({ en: 'Waits for approval', es: 'Espera aprobación' });
    for (const { id, action, actor } of waiting) {
      const isAlone = waiting.filter((one) => one.action === action).length === 1;
      print.line(`  ${action} – ${actor}: darsena incident approve ${incident.number} ${isAlone ? action : id}`);
    }
  }
  if (incident.processTree.length > 0) {
    heading({ en: 'Processes (! = an alert names it)', es: 'Procesos (! = lo nombra una alerta)' });
    for (const line of treeLines(incident.processTree, '  ', cli)) print.line(line);
  }
  if (incident.state !== 'closed') {
    heading({ en: 'What can be done', es: 'Qué se puede hacer' });
    print.line(`  darsena incident respond ${incident.number} --preview`);
    const taken = incident.actions.map(({ action: kind, state: how }) => ({ kind, state: how }));
    for (const kind of ['pause', 'isolate'] as const) {
      if (!incident.containerGone || !isInForce(kind, taken)) continue;
      const why = cli.t({
        en: `the container is gone: ${kind} is only taken back`,
        es: `el contenedor ya no existe: ${kind} solo se deshace`,
      });
      print.line(`  darsena incident respond ${incident.number} ${describeAction(kind).undo}  # ${why}`);
    }
    if (incident.containerId !== null && !incident.containerGone) {
      const rest = incident.state === 'contained' ? ' --container' : '';
      print.line(`  darsena incident respond ${incident.number} --kill${rest}`);
    }
    print.line(`  darsena incident close ${incident.number} --reason "…"`);
  }
}

function timelineLines(cli: CliProgram, timeline: readonly TimelineEntry[]): string[] {
  const width = Math.max(...Object.values(STATION).map((text) => cli.t(text).length));
  return timeline.map(({ at, station, tone, title, actor }) => {
    const time = at.replace('T', ' ').replace(/\.\d+Z$/, '');
    const who = actor === null ? '' : ` – ${actor}`;
    const line = `  ${time}  ${cli.t(STATION[station]).padEnd(width)}  ${printable(cli.t(title))}${who}`;
    return tone === 'plain' ? line : cli.print.colour(tone, line);
  });
}

function treeLines(nodes: readonly ProcessNodeView[], indent: string, cli: CliProgram): string[] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1;
    const mark = node.alert ? '!' : ' ';
    const user = node.uid === null ? '' : ` uid ${node.uid}`;
    const line = `${indent}${last ? '└' : '├'}─${mark}${node.pid}${user}  ${printable(node.cmdline === '' ? node.name : node.cmdline)}`;
    const below = treeLines(node.children, `${indent}${last ? ' ' : '│'}  `, cli);
    return [node.alert ? cli.print.colour('bad', line) : line, ...below];
  });
}
