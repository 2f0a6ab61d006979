/** The two languages that people read; code, API names and JSON codes never change with them. */
export type Language = 'en' | 'es';

/** A sentence or label in both languages. */
export type Text = { readonly en: string; readonly es: string };

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Fills `{name}` places of a template. A place without a value stays as it is, so that a mistake is seen. */
export function fillTemplate(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{([a-zA-Z][a-zA-Z0-9]*)\}/g, (place, name: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    return value === undefined ? place : String(value);
  });
}

/** The language of a POSIX locale variable or an HTTP Accept-Language header; English when it names neither. */
export function languageOf(preference: string | undefined): Language {
  return /^\s*es(?![a-z0-9])/i.test(preference ?? '') ? 'es' : 'en';
}
