import type { CliProgram, Text } from '../../system/index.ts';
import type { Drill, DrilledRule } from './drills.ts';
import { drillFault } from './errors.ts';

const TIME_OF_DAY = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

const OUTCOMES: Readonly<Record<DrilledRule['outcome'], Text>> = {
  detected: { en: 'detected', es: 'detectada' },
  missed: { en: 'MISSED', es: 'NO VISTA' },
  off: { en: 'off', es: 'no activa' },
  absent: { en: 'this kernel has no such call', es: 'este kernel no tiene esa llamada' },
  'not-performed': { en: 'act not performed', es: 'acto no realizado' },
};
const STATES: Readonly<Record<Drill['state'], Text>> = {
  running: { en: 'running', es: 'en marcha' },
  passed: { en: 'passed', es: 'superado' },
  missed: { en: 'missed', es: 'con fallos' },
  failed: { en: 'failed', es: 'fallido' },
};

/** `darsena drill [run|list|show|daily]`: does the platform see what it says it sees? */
export function drillCommands(cli: CliProgram): void {
  const { api, print, t } = cli;
  const noun = cli.program
    .command('drill')
    .description(
      t({ en: 'harmless attacks that every rule must see', es: 'ataques inofensivos que toda regla debe ver' }),
    );
  noun
    .command('run', { isDefault: true })
    .description(
      t({
        en: 'perform them now on the host, and tell what was seen and how soon',
        es: 'realizarlos ahora en el host y decir qué se vio y en cuánto tiempo',
      }),
    )
    .action(async () => {
      const { operation } = await api.post<{ operation: string }>('/drills');
      const ended = await cli.followOperation(operation);
      const { drill } = ended.result as { drill: string };
      show(await api.get<Drill>(`/drills/${drill}`));
    });
  noun
    .command('list')
    .description(t({ en: 'drills that were made, newest first', es: 'simulacros hechos, el más reciente primero' }))
    .action(async () => {
      const { items, plan } = await api.get<{ items: Drill[]; plan: { at: string | null } }>('/drills');
      print.table(
        [
          { title: { en: 'when', es: 'cuándo' }, value: (one) => one.at.slice(0, 19).replace('T', ' ') },
          { title: { en: 'state', es: 'estado' }, value: (one) => t(STATES[one.state]) },
          {
            title: { en: 'seen', es: 'vistas' },
            value: (one) => `${detectedOf(one).length}/${expectedOf(one).length}`,
            align: 'right',
          },
          {
            title: { en: 'slowest', es: 'la más lenta' },
            value: (one) => milliseconds(Math.max(0, ...detectedOf(one))),
            align: 'right',
          },
          {
            title: { en: 'to act', es: 'en actuar' },
            value: (one) => (one.actMs === null ? '—' : milliseconds(one.actMs)),
            align: 'right',
          },
          { title: { en: 'host', es: 'host' }, value: (one) => one.host },
          { title: { en: 'by', es: 'por' }, value: (one) => one.by },
          { title: { en: 'id', es: 'id' }, value: (one) => one.id, wide: true },
        ],
        items,
        { empty: { en: 'No drill was made yet.', es: 'Todavía no se hizo ningún simulacro.' }, json: { items, plan } },
      );
      print.note(
        plan.at === null
          ? { en: 'no daily drill: darsena drill daily 03:30', es: 'sin simulacro diario: darsena drill daily 03:30' }
          : { en: `each day at ${plan.at} UTC`, es: `cada día a las ${plan.at} UTC` },
      );
    });
  noun
    .command('show')
    .argument('[id]', t({ en: 'the last one', es: 'el último' }))
    .description(t({ en: 'a drill, rule by rule', es: 'un simulacro, regla por regla' }))
    .action(async (id: string | undefined) => {
      const { items } = await api.get<{ items: Drill[] }>('/drills');
      const found = id === undefined ? items[0] : items.find((one) => one.id.startsWith(id));
      if (found === undefined)
        throw id === undefined ? drillFault('drill.none', {}) : drillFault('drill.unknown', { id });
      show(found);
    });
  noun
    .command('daily')
    .argument('<time>', t({ en: 'HH:MM in UTC, or off', es: 'HH:MM en UTC, u off' }))
    .description(t({ en: 'make one each day; a miss is an alert', es: 'hacer uno cada día; un fallo es una alerta' }))
    .action(async (time: string) => {
      if (time !== 'off' && !TIME_OF_DAY.test(time)) throw drillFault('drill.time', { time });
      const plan = await api.put<{ at: string | null }>('/drills/plan', { at: time === 'off' ? null : time });
      if (cli.output.json) print.json(plan);
      else
        print.result(
          plan.at === null
            ? { en: 'no daily drill', es: 'sin simulacro diario' }
            : { en: `a drill each day at ${plan.at} UTC`, es: `un simulacro cada día a las ${plan.at} UTC` },
        );
    });

  function show(drill: Drill): void {
    if (drill.state === 'missed' || drill.state === 'failed') cli.exit(1);
    if (cli.output.json) {
      print.json(drill);
      return;
    }
    print.table(
      [
        { title: { en: 'rule', es: 'regla' }, value: (one) => one.rule },
        { title: { en: 'outcome', es: 'resultado' }, value: (one) => t(OUTCOMES[one.outcome]) },
        {
          title: { en: 'seen after', es: 'vista tras' },
          value: (one) => (one.detectMs === null ? '—' : milliseconds(one.detectMs)),
          align: 'right',
        },
      ],
      drill.rules,
      { empty: { en: 'It was not performed.', es: 'No se realizó.' } },
    );
    const times = detectedOf(drill).sort((a, b) => a - b);
    const middle = milliseconds(times[Math.floor(times.length / 2)] ?? 0);
    const slowest = milliseconds(times.at(-1) ?? 0);
    const act = drill.actMs === null ? '—' : milliseconds(drill.actMs);
    const [seen, all] = [times.length, expectedOf(drill).length];
    print.result({
      en: `${seen} of ${all} seen on ${drill.host}: half within ${middle}, all of them within ${slowest}; container ended in ${act}`,
      es: `${seen} de ${all} vistas en ${drill.host}: la mitad en ${middle}, todas ellas en ${slowest}; contenedor terminado en ${act}`,
    });
  }
}

function expectedOf({ rules }: Drill): readonly DrilledRule[] {
  return rules.filter(({ outcome }) => outcome !== 'off' && outcome !== 'absent');
}

function detectedOf({ rules }: Drill): number[] {
  return rules.flatMap(({ detectMs }) => (detectMs === null ? [] : [detectMs]));
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}
