import { defineWords } from '../catalogue.ts';

export const verdictWords = defineWords(
  {
    policy: 'Policy',
    door: 'Door',
    environment: 'Environment',
    expires: 'Valid',
    noReasons: 'No rule had anything to say.',
    remedy: 'Way out',
    none: 'Not judged yet',
  },
  {
    policy: 'Política',
    door: 'Puerta',
    environment: 'Entorno',
    expires: 'Válido',
    noReasons: 'Ninguna regla tuvo algo que decir.',
    remedy: 'Salida',
    none: 'Todavía sin juzgar',
  },
);
