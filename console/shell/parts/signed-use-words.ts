import { defineWords } from '../catalogue.ts';

export const signedUseWords = defineWords(
  {
    image: 'image',
    provenance: 'provenance',
    sbom: 'SBOM',
    scan: 'scan result',
    verdict: 'verdict',
    approval: 'approval',
    exception: 'exceptions',
  },
  {
    image: 'imagen',
    provenance: 'procedencia',
    sbom: 'SBOM',
    scan: 'resultado del escaneo',
    verdict: 'veredicto',
    approval: 'aprobación',
    exception: 'excepciones',
  },
);
