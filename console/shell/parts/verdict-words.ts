import { defineWords } from '../catalogue.ts';

export const verdictWords = defineWords(
  {
    policy: 'Policy',
    door: 'Door',
    environment: 'Environment',
    expires: 'Expires',
    ci: 'in the pipeline',
    push: 'at push',
    pull: 'at pull',
    promote: 'at promotion',
    start: 'at start',
    noReasons: 'No rule had anything to say.',
    remedy: 'Way out',
    alike: { one: '{count} more like it', other: '{count} more like it' },
    none: 'Not judged yet',
  },
  {
    policy: 'Política',
    door: 'Puerta',
    environment: 'Entorno',
    expires: 'Caduca',
    ci: 'en la canalización',
    push: 'al subir',
    pull: 'al descargar',
    promote: 'al promover',
    start: 'al arrancar',
    noReasons: 'Ninguna regla tuvo algo que decir.',
    remedy: 'Salida',
    alike: { one: '{count} más como esta', other: '{count} más como estas' },
    none: 'Todavía sin juzgar',
  },
);
