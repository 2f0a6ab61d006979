import type { CheckedRules, RuleBook, RuleDetail, RuleInForce, TriedRules } from '../rules/types.ts';

/** Made-up rules, trials and drills for the console's development. */
const BASE = {
  project: null,
  environment: null,
  off: null,
  offSpanish: null,
  description: '',
  origin: 'shipped',
} as const;
const SHIPPED: RuleInForce = {
  ...BASE,
  name: 'Terminal opened in a container',
  title: { en: 'Terminal opened in a container', es: 'Terminal abierto en un contenedor' },
  priority: 'Notice',
  tags: ['T1059'],
  file: 'shipped/containers.yaml',
};
const OWN: RuleInForce = {
  ...BASE,
  title: { en: 'Shell in the shop', es: 'Shell in the shop' },
  ...{ name: 'Shell in the shop', priority: 'Warning', tags: [], file: 'tienda.yaml', origin: 'own' },
  ...{ project: 'tienda', environment: 'prod' },
};
const OFF: RuleInForce = {
  ...BASE,
  title: { en: 'Mining pool contacted', es: 'Contacto con un grupo de minería' },
  ...{ name: 'Mining pool contacted', priority: 'Critical', tags: ['T1496'], file: 'shipped/containers.yaml' },
  off: 'disabled by its file',
  offSpanish: 'apagada por su archivo',
};
const at = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

export const mockRuleBook = (): RuleBook => ({
  items: [SHIPPED, OWN, OFF],
  files: [
    { name: 'tienda.yaml', project: 'tienda', environment: 'prod', author: 'user:ana', appliedAt: at(300), bytes: 300 },
  ],
  hosts: [{ host: 'vm', state: 'in-force' }],
  findings: [],
});

export const mockRuleFile = {
  ...{ name: 'tienda.yaml', project: 'tienda', environment: 'prod', author: 'user:ana', appliedAt: at(300) },
  text: '- rule: Shell in the shop\n  desc: Nobody needs a shell there\n  condition: evt.type = execve and proc.name in (sh, bash)\n  output: "%proc.name started by %proc.pname: %proc.cmdline"\n  priority: WARNING\n',
};

export const mockRule = (name: string): RuleDetail => ({
  ...([SHIPPED, OWN, OFF].find((one) => one.name === name) ?? SHIPPED),
  techniques: [{ id: 'T1059', url: 'https://attack.mitre.org/techniques/T1059/' }],
  page: {
    en: {
      title: 'Terminal opened in a container',
      what: 'A shell with a terminal was started in a running container: somebody works there by hand.',
      innocent: 'When a colleague looks for a mistake with darsena exec; the audit log says who did.',
      first: [
        'Ask in the audit log who opened a session.',
        'Look at the process tree of the incident.',
        'Take evidence before ending it.',
      ],
      misses: 'Shells without a terminal, such as those of a reverse shell over a pipe.',
    },
    es: {
      title: 'Terminal abierta en un contenedor',
      what: 'Se inició un shell con terminal en un contenedor en marcha: alguien trabaja ahí a mano.',
      innocent: 'Cuando un colega busca un error con darsena exec; la auditoría dice quién.',
      first: [
        'Preguntar a la auditoría quién abrió una sesión.',
        'Mirar el árbol de procesos del incidente.',
        'Tomar evidencia antes de terminarlo.',
      ],
      misses: 'Shells sin terminal, como los de un shell inverso por una tubería.',
    },
  },
  tunings: [
    {
      ...{
        id: 't1',
        project: 'tienda',
        environment: 'dev',
        workload: null,
        condition: 'proc.pname = make',
        until: at(-50_000),
      },
      ...{ reason: 'The build of the week opens one', author: 'user:ana', madeAt: at(9_000), suppressed: 14 },
    },
  ],
  changedBy: [{ file: 'tienda.yaml', project: 'tienda', environment: 'prod', author: 'user:ana', appliedAt: at(300) }],
});

export const mockAlerts = [
  {
    ...{ id: 'a1', at: at(12), rule: SHIPPED.name, priority: 'Notice', tags: [], outputFields: {}, ancestors: [] },
    ...{
      output: 'sh opened a terminal in tienda/web (sh -i)',
      container: null,
      process: null,
      incident: 7,
      host: 'vm',
    },
  },
];

export const mockChecked = (text: string): CheckedRules =>
  text.includes('proc.nmae')
    ? {
        rules: [],
        findings: [
          {
            ...{ severity: 'error', code: 'LOAD_ERR_COMPILE_CONDITION', message: 'unknown field "proc.nmae"' },
            ...{ file: 'rules.yaml', line: 3, column: 36, hint: 'did you mean proc.name?' },
          },
        ],
      }
    : { rules: [{ name: OWN.name, priority: 'Warning', off: null }], findings: [] };

export const mockTried = (): TriedRules => ({
  hosts: [
    {
      ...{ host: 'vm', why: null, from: at(9_000), opensFrom: at(5_000), events: 1_204_233, missing: 812 },
      ...{ completeFrom: null, stoppedAt: null, milliseconds: 3_120 },
    },
    {
      host: 'vm-2',
      why: {
        en: 'this host keeps no events: no sensor runs on it',
        es: 'este host no guarda eventos: no hay ningún sensor en él',
      },
    },
  ],
  rules: [{ name: OWN.name, priority: 'Warning', off: null }],
  findings: [],
  matches: 68,
  counts: [0, 1, 3, 4].map((back) => ({
    ...{ host: 'vm', rule: OWN.name, project: 'tienda', environment: 'prod', workload: 'web' },
    ...{ day: at(back * 1_440).slice(0, 10), matches: 7 + back * 5 },
  })),
  examples: [3, 40, 1_500].map((minutes) => ({
    ...{ host: 'vm', rule: OWN.name, project: 'tienda', environment: 'prod', workload: 'web', at: at(minutes) },
    ...{ priority: 'Warning', output: 'sh started by node: sh -c id' },
  })),
});

export const mockDrills = () => ({
  items: Array.from({ length: 12 }, (_none, place) => ({
    ...{ id: `d${place}`, at: at(place * 1_440 + 30), endedAt: at(place * 1_440 + 29), host: 'vm' },
    ...{ by: place === 3 ? 'user:ana' : 'platform', state: place === 5 ? 'missed' : 'passed', actMs: 210 + place },
    rules: [
      { rule: SHIPPED.name, outcome: place === 5 ? 'missed' : 'detected', detectMs: place === 5 ? null : 9 + place },
      { rule: OFF.name, outcome: 'off', detectMs: null },
      { rule: 'Kernel module loaded', outcome: 'detected', detectMs: 31 + ((place * 17) % 23) },
    ],
  })),
  plan: { at: '03:30' },
});
