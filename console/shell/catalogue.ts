export type Language = 'en' | 'es';
export type Entry = string | { readonly one: string; readonly other: string };
export interface Words<Key extends string> {
  readonly en: Readonly<Record<Key, Entry>>;
  readonly es: Readonly<Record<Key, Entry>>;
}
export type Values = Readonly<Record<string, string | number>>;

/**
 * Declares the words of one subject. The Spanish catalogue must have exactly the English keys, which the compiler checks.
 * `{name}` is filled from the values; an entry with `one` and `other` is chosen by `count`.
 */
export function defineWords<Key extends string>(
  en: Readonly<Record<Key, Entry>>,
  es: Readonly<Record<NoInfer<Key>, Entry>>,
): Words<Key> {
  return { en, es };
}

const plurals = { en: new Intl.PluralRules('en'), es: new Intl.PluralRules('es') };
const numbers = { en: new Intl.NumberFormat('en'), es: new Intl.NumberFormat('es') };

export function fillWords(language: Language, entry: Entry, values: Values): string {
  const template =
    typeof entry === 'string'
      ? entry
      : plurals[language].select(Number(values['count'] ?? 0)) === 'one'
        ? entry.one
        : entry.other;
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? numbers[language].format(value) : value;
  });
}
