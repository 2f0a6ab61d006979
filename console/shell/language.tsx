import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import type { Text } from '../api/types.ts';

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

const STORAGE_KEY = 'darsena.language';

interface LanguageState {
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
}

const LanguageContext = createContext<LanguageState>({ language: 'en', setLanguage: () => undefined });

function firstLanguage(): Language {
  return document.documentElement.lang === 'es' ? 'es' : 'en';
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setState] = useState<Language>(firstLanguage);
  const state = useMemo<LanguageState>(
    () => ({
      language,
      setLanguage: (next) => {
        document.documentElement.lang = next;
        localStorage.setItem(STORAGE_KEY, next);
        setState(next);
      },
    }),
    [language],
  );
  return <LanguageContext value={state}>{children}</LanguageContext>;
}

export function useLanguage(): LanguageState {
  return useContext(LanguageContext);
}

/** True when the reader has chosen a language in this browser, so that the account's own does not override it. */
export function hasChosenLanguage(): boolean {
  return localStorage.getItem(STORAGE_KEY) !== null;
}

export type Translate<Key extends string> = (key: Key, values?: Values) => string;

export function useWords<Key extends string>(words: Words<Key>): Translate<Key> {
  const { language } = useLanguage();
  return useMemo(
    () =>
      (key, values = {}) =>
        fillWords(language, words[language][key], values),
    [language, words],
  );
}

/** Picks the reader's language of a text that came from the platform. */
export function useText(): (text: Text) => string {
  const { language } = useLanguage();
  return useMemo(() => (text) => text[language], [language]);
}
