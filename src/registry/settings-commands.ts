import type { Command } from 'commander';
import type { CliProgram, Text } from '../system/index.ts';
import { registryFault } from './errors.ts';
import type { Usage } from './quota.ts';
import type { PatternSettings, RepositorySettings, RetentionRule, SettingsChange } from './settings.ts';

interface SettingsAnswer {
  readonly project: string;
  /** With what holds for it, when one repository was asked for. */
  readonly repository: string | null;
  readonly effective: RepositorySettings | null;
  readonly usage: Usage;
  readonly items: readonly PatternSettings[];
}

interface Options {
  readonly anonymousPull?: string;
  readonly immutable?: string[];
  readonly retention?: string[];
  readonly quota?: string;
  readonly inherit?: string[];
}

/** `darsena repository settings`: who may pull, which tags stay, what is kept, how much may be stored. */
export function addSettingsCommand(noun: Command, cli: CliProgram): void {
  const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
  noun
    .command('settings')
    .argument('<where>', 'PROJECT[/PATTERN]')
    .option(
      '--anonymous-pull <state>',
      cli.t({ en: 'on: anybody pulls without signing in; off', es: 'on: cualquiera descarga sin iniciar sesión; off' }),
    )
    .option(
      '--immutable <pattern>',
      cli.t({
        en: 'tags that never move or go, like "v*"; "" for none; may be repeated',
        es: 'etiquetas que nunca se mueven ni se borran, como "v*"; "" para ninguna; se puede repetir',
      }),
      collect,
    )
    .option(
      '--retention <rule>',
      cli.t({
        en: 'what is kept of which tags, like "v* newest=10 pulled=30d" or "untagged pushed=7d"; "" for none; may be repeated',
        es: 'qué se conserva de qué etiquetas, como "v* newest=10 pulled=30d" o "untagged pushed=7d"; "" para nada; se puede repetir',
      }),
      collect,
    )
    .option(
      '--quota <size>',
      cli.t({
        en: 'bound of the whole project, like 20GB; "none" lifts it',
        es: 'límite de todo el proyecto, como 20GB; "none" lo quita',
      }),
    )
    .option(
      '--inherit <setting>',
      cli.t({
        en: 'take a setting back: anonymous-pull, immutable, retention; may be repeated',
        es: 'dejar de fijar un ajuste: anonymous-pull, immutable, retention; se puede repetir',
      }),
      collect,
    )
    .description(
      cli.t({
        en: 'show or change settings of a project’s repositories; the most specific pattern wins',
        es: 'mostrar o cambiar los ajustes de los repositorios de un proyecto; gana el patrón más específico',
      }),
    )
    .action(async (where: string, options: Options) => {
      const slash = where.indexOf('/');
      const project = slash < 0 ? where : where.slice(0, slash);
      const pattern = slash < 0 ? '**' : where.slice(slash + 1);
      const change = readChange(options);
      const path = `/projects/${encodeURIComponent(project)}/repository-settings`;
      if (Object.keys(change).length > 0) {
        await cli.api.put(`${path}?${new URLSearchParams({ pattern })}`, change);
      }
      const query = pattern.includes('*') ? '' : `?${new URLSearchParams({ repository: `${project}/${pattern}` })}`;
      const answer = await cli.api.get<SettingsAnswer>(`${path}${query}`);
      if (cli.output.json) cli.print.json(answer);
      else printSettings(cli, answer);
    });
}

function readChange(options: Options): SettingsChange {
  const invalid = (why: string) => registryFault('registry.settings-invalid', { why });
  const change: { -readonly [K in keyof SettingsChange]: SettingsChange[K] } = {};
  const { anonymousPull, immutable, retention, quota, inherit = [] } = options;
  if (anonymousPull !== undefined) {
    if (anonymousPull !== 'on' && anonymousPull !== 'off') throw invalid('--anonymous-pull is "on" or "off"');
    change.anonymousPull = anonymousPull === 'on';
  }
  if (immutable !== undefined) change.immutableTags = immutable.filter((pattern) => pattern !== '');
  if (retention !== undefined)
    change.retention = retention.filter((rule) => rule.trim() !== '').map(parseRetentionRule);
  if (quota !== undefined) change.quotaBytes = quota === 'none' ? null : parseSize(quota);
  for (const field of inherit) {
    if (field === 'anonymous-pull') change.anonymousPull = null;
    else if (field === 'immutable') change.immutableTags = null;
    else if (field === 'retention') change.retention = null;
    else
      throw invalid(
        `--inherit knows anonymous-pull, immutable and retention, not "${field.slice(0, 40)}"; --quota none lifts a quota`,
      );
  }
  return change;
}

/**
 * `PATTERN… newest=N pushed=Nd pulled=Nd`, with `untagged` in place of patterns for images without a tag.
 * @throws Fault registry.settings-invalid
 */
export function parseRetentionRule(text: string): RetentionRule {
  const invalid = (why: string) =>
    registryFault('registry.settings-invalid', { why: `retention "${text.slice(0, 100)}": ${why}` });
  const tags: string[] = [];
  let untagged = false;
  const keeps: { keepNewest: number | null; keepPushedDays: number | null; keepPulledDays: number | null } = {
    keepNewest: null,
    keepPushedDays: null,
    keepPulledDays: null,
  };
  for (const word of text.trim().split(/\s+/)) {
    const [, key, value = ''] = /^(newest|pushed|pulled)=(.*)$/.exec(word) ?? [];
    if (key === undefined) {
      if (word === 'untagged') untagged = true;
      else tags.push(word);
    } else if (key === 'newest') {
      if (!/^\d{1,6}$/.test(value)) throw invalid('newest is a count, like newest=10');
      keeps.keepNewest = Number(value);
    } else {
      const [, count] = /^(\d{1,4})d$/.exec(value) ?? [];
      if (count === undefined) throw invalid(`${key} is a number of days, like ${key}=30d`);
      if (key === 'pushed') keeps.keepPushedDays = Number(count);
      else keeps.keepPulledDays = Number(count);
    }
  }
  if (untagged === tags.length > 0) throw invalid('expected patterns of tags, or "untagged" alone');
  return { tags, ...keeps };
}

/** The same rule as people write it. */
export function formatRetentionRule({ tags, keepNewest, keepPushedDays, keepPulledDays }: RetentionRule): string {
  return [
    ...(tags.length === 0 ? ['untagged'] : tags),
    ...(keepNewest === null ? [] : [`newest=${keepNewest}`]),
    ...(keepPushedDays === null ? [] : [`pushed=${keepPushedDays}d`]),
    ...(keepPulledDays === null ? [] : [`pulled=${keepPulledDays}d`]),
  ].join(' ');
}

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `20GB`, `1.5 GiB`, `1000` (bytes). @throws Fault registry.settings-invalid */
export function parseSize(text: string): number {
  const [, number, unit = 'B'] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([kKMGT]?i?B)?$/.exec(text.trim()) ?? [];
  const factor = UNITS[unit === 'KB' ? 'kB' : unit];
  if (number === undefined || factor === undefined) {
    const why = `"${text.slice(0, 40)}" is not a size, such as 20GB or 512MiB`;
    throw registryFault('registry.settings-invalid', { why });
  }
  return Math.floor(Number(number) * factor);
}

const NONE: Text = { en: 'none', es: 'ninguna' };

function printSettings(cli: CliProgram, { project, repository, effective, usage, items }: SettingsAnswer): void {
  const list = (values: readonly string[]): string => (values.length === 0 ? cli.t(NONE) : values.join('; '));
  const yes = (value: boolean): string => cli.t(value ? { en: 'yes', es: 'sí' } : { en: 'no', es: 'no' });
  const size = (bytes: number | null): string => (bytes === null ? cli.t(NONE) : cli.print.bytes(bytes));
  const stored = cli.print.bytes(usage.usedBytes);
  cli.print.result(
    usage.quotaBytes === null
      ? { en: `${project} stores ${stored}, no quota`, es: `${project} guarda ${stored}, sin cuota` }
      : {
          en: `${project} stores ${stored} of ${size(usage.quotaBytes)}`,
          es: `${project} guarda ${stored} de ${size(usage.quotaBytes)}`,
        },
  );
  if (repository !== null && effective !== null) {
    cli.print.result(cli.print.colour('strong', repository));
    const lines: [Text, string][] = [
      [{ en: 'anonymous pull', es: 'descarga anónima' }, yes(effective.anonymousPull)],
      [{ en: 'immutable tags', es: 'etiquetas inmutables' }, list(effective.immutableTags)],
      [{ en: 'retention', es: 'retención' }, list(effective.retention.map(formatRetentionRule))],
      [{ en: 'quota of the project', es: 'cuota del proyecto' }, size(effective.quotaBytes)],
    ];
    for (const [title, value] of lines) cli.print.result(`${cli.t(title)}: ${value}`);
    cli.print.result('');
  }
  const inherited = '-';
  cli.print.table(
    [
      { title: { en: 'pattern', es: 'patrón' }, value: (one) => `${project}/${one.pattern}` },
      {
        title: { en: 'anonymous', es: 'anónima' },
        value: (one) => (one.anonymousPull === null ? inherited : yes(one.anonymousPull)),
      },
      {
        title: { en: 'immutable', es: 'inmutables' },
        value: (one) => (one.immutableTags === null ? inherited : list(one.immutableTags)),
      },
      {
        title: { en: 'retention', es: 'retención' },
        value: (one) => (one.retention === null ? inherited : list(one.retention.map(formatRetentionRule))),
      },
      { title: { en: 'quota', es: 'cuota' }, value: (one) => (one.pattern === '**' ? size(one.quotaBytes) : '-') },
      { title: { en: 'changed by', es: 'cambiado por' }, value: (one) => one.updatedBy, wide: true },
    ],
    items,
    {
      empty: {
        en: `${project} sets nothing: pulls need a sign-in, tags may move, everything is kept`,
        es: `${project} no fija nada: descargar exige iniciar sesión, las etiquetas se pueden mover, todo se conserva`,
      },
    },
  );
}
