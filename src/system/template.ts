import { defineFaults } from './fault.ts';

export const templateFault = defineFaults({
  'cli.format': {
    kind: 'invalid',
    en: { what: 'the format is not understood', why: '{found} is no field; there are {known}' },
    es: { what: 'no se entiende el formato', why: '{found} no es un campo; hay {known}' },
  },
});

/**
 * Lines by the template that people know from docker and podman, as far as lists need it: `{{.Name}}`, `{{json .}}`,
 * `\t` and `\n` as written, and `table` before it for a heading.
 * @throws Fault cli.format for a field that is not there
 */
export function renderTemplate(template: string, rows: readonly Readonly<Record<string, string>>[]): string[] {
  const isTable = /^table\s+/.test(template);
  const body = template
    .replace(/^table\s+/, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  if (body === 'json' || body === '{{json .}}') return rows.map((row) => JSON.stringify(row));
  const fill = (row: Readonly<Record<string, string>>): string =>
    body.replace(/\{\{\s*(?:\.([A-Za-z]+)|(json\s+\.))\s*\}\}/g, (_found, field: string | undefined) => {
      if (field === undefined) return JSON.stringify(row);
      const value = row[field];
      if (value === undefined) {
        const known = Object.keys(row).map((name) => `.${name}`);
        throw templateFault('cli.format', { found: `.${field}`, known: known.join(' ') });
      }
      return value;
    });
  const heading = body.replace(/\{\{\s*\.([A-Za-z]+)\s*\}\}/g, (_found, field: string) => field.toUpperCase());
  return [...(isTable ? [heading] : []), ...rows.map(fill)];
}
