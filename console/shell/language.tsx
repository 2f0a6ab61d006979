import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import type { Text } from '../api/types.ts';
import { fillWords, type Language, type Values, type Words } from './catalogue.ts';

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
