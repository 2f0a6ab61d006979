import type { Text } from '../system/index.ts';
import type { SignatureUse } from './statement.ts';

const USE: Readonly<Record<SignatureUse, Text>> = {
  image: { en: 'image', es: 'imagen' },
  provenance: { en: 'provenance', es: 'procedencia' },
  sbom: { en: 'SBOM', es: 'SBOM' },
  scan: { en: 'scan', es: 'análisis' },
  approval: { en: 'approval', es: 'aprobación' },
  exception: { en: 'exceptions', es: 'excepciones' },
  verdict: { en: 'verdict', es: 'veredicto' },
  vex: { en: 'VEX', es: 'VEX' },
  profile: { en: 'profile of calls', es: 'perfil de llamadas' },
};

/** What a signature is for, as a person says it; a use that is not known stays as it is. */
export function useInWords(use: string): Text {
  return Object.hasOwn(USE, use) ? USE[use as SignatureUse] : { en: use, es: use };
}
