import { readFile } from 'node:fs/promises';
import type { CliProgram, Text } from '../system/index.ts';
import { RuleEngine, type RuleText } from './engine.ts';
import type { Finding } from './rule-file.ts';

const INVALID = 2;

/** `darsena rules …`: detection rules. */
export function detectCommands(cli: CliProgram): void {
  const noun = cli.program.command('rules').description(cli.t({ en: 'detection rules', es: 'reglas de detección' }));
  noun
    .command('check')
    .argument('<file...>')
    .description(
      cli.t({
        en: 'check rule files in their order; needs no server',
        es: 'comprobar ficheros de reglas en su orden; no necesita servidor',
      }),
    )
    .action(async (files: string[]) => {
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
          { title: { en: 'why off', es: 'por qué no' }, value: (row) => row.reason ?? '', long: true },
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
}

const YES: Text = { en: 'yes', es: 'sí' };
const NO: Text = { en: 'no', es: 'no' };

async function readRuleText(file: string): Promise<RuleText & { finding: Finding | null }> {
  try {
    return { file, text: await readFile(file, 'utf8'), finding: null };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const place = { file, line: 1, column: 1, item: null };
    return { file, text: '', finding: { severity: 'error', code: 'LOAD_ERR_FILE_READ', message, ...place } };
  }
}

/** `file:line:column: error CODE: message (item)`, the form that editors understand. */
function describeFinding({ severity, code, message, file, line, column, item }: Finding): Text {
  const place = `${file}:${line}:${column}`;
  const about = item === null ? '' : ` (${item})`;
  return {
    en: `${place}: ${severity} ${code}: ${message}${about}`,
    es: `${place}: ${severity === 'error' ? 'error' : 'aviso'} ${code}: ${message}${about}`,
  };
}
