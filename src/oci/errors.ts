import { defineFaults } from '../system/index.ts';

export const ociFault = defineFaults({
  'oci.digest-invalid': {
    kind: 'invalid',
    en: { what: 'the digest "{digest}" is not understood', why: 'expected sha256: and 64 lower-case hex digits' },
    es: {
      what: 'no se entiende el digest "{digest}"',
      why: 'se esperaba sha256: y 64 dígitos hexadecimales en minúscula',
    },
  },
  'oci.reference-invalid': {
    kind: 'invalid',
    en: { what: 'the image name "{reference}" is not understood', why: '{why}' },
    es: { what: 'no se entiende el nombre de imagen "{reference}"', why: '{why}' },
  },
  'oci.manifest-invalid': {
    kind: 'invalid',
    en: { what: 'the manifest is not valid', why: '{why}' },
    es: { what: 'el manifiesto no es válido', why: '{why}' },
  },
});
