import type { Text } from '../system/index.ts';
import type { PatchState } from './livepatch/driver.ts';
import type { TruthState } from './truth.ts';

export const STATE_WORDS: Readonly<Record<TruthState, Text>> = {
  exposed: { en: 'exposed', es: 'expuesto' },
  unknown: { en: 'unknown', es: 'desconocido' },
  mitigated: { en: 'mitigated', es: 'mitigado' },
  'live-patched': { en: 'live-patched', es: 'parcheado en vivo' },
  'not-reachable': { en: 'not reachable', es: 'no alcanzable' },
  'not-affected': { en: 'not affected', es: 'no afectado' },
};

export const PATCH_STATE_WORDS: Readonly<Record<PatchState['state'], Text>> = {
  on: { en: 'in force', es: 'activo' },
  off: { en: 'off', es: 'inactivo' },
  transition: { en: 'on its way', es: 'en transición' },
};
