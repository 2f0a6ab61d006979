import { defineFaults } from '../../system/index.ts';
import { reasonInWords } from '../reason-words.ts';

export const archiveFault = defineFaults(
  {
    'archive.invalid': {
      kind: 'invalid',
      en: {
        what: 'the archive is not an OCI image layout that can be read',
        why: '{why}',
        remedy: 'podman save --format oci-archive, skopeo copy … oci-archive:FILE, or darsena image export',
      },
      es: {
        what: 'el archivo no es una disposición de imágenes OCI que se pueda leer',
        why: '{why}',
        remedy: 'podman save --format oci-archive, skopeo copy … oci-archive:ARCHIVO, o darsena image export',
      },
    },
    'archive.too-large': {
      kind: 'invalid',
      en: { what: 'the archive is too large', why: '{why}' },
      es: { what: 'el archivo es demasiado grande', why: '{why}' },
    },
    'archive.damaged': {
      kind: 'invalid',
      en: {
        what: 'the archive is damaged',
        why: '{digest}: {why}; nothing that needs it was stored',
        remedy: 'make or carry the archive again',
      },
      es: {
        what: 'el archivo está dañado',
        why: '{digest}: {why}; no se guardó nada que lo necesite',
        remedy: 'volver a crear o a copiar el archivo',
      },
    },
    'archive.unnamed': {
      kind: 'needs',
      en: {
        what: 'the archive does not say where "{name}" belongs',
        why: 'an image here is named PROJECT/IMAGE',
        remedy: 'darsena image import FILE --as PROJECT/IMAGE[:TAG]',
      },
      es: {
        what: 'el archivo no dice a dónde pertenece "{name}"',
        why: 'aquí una imagen se llama PROYECTO/IMAGEN',
        remedy: 'darsena image import ARCHIVO --as PROYECTO/IMAGEN[:ETIQUETA]',
      },
    },
    'archive.as-ambiguous': {
      kind: 'invalid',
      en: { what: '--as names one image, and the archive has {count}', why: '{names}' },
      es: { what: '--as nombra una imagen y el archivo tiene {count}', why: '{names}' },
    },
    'archive.not-allowed': {
      kind: 'forbidden',
      en: { what: '{actor} may not push to {repository}', why: 'nothing of the archive was stored' },
      es: { what: '{actor} no puede subir a {repository}', why: 'no se guardó nada del archivo' },
    },
    'archive.no-file': {
      kind: 'invalid',
      en: { what: 'the archive needs a name', remedy: 'darsena image export PROJECT/IMAGE -o FILE.tar' },
      es: { what: 'el archivo necesita un nombre', remedy: 'darsena image export PROYECTO/IMAGEN -o ARCHIVO.tar' },
    },
    'archive.file-missing': {
      kind: 'not-found',
      en: { what: 'the archive {file} cannot be read', why: 'there is no such file, or it is not yours to read' },
      es: { what: 'no se puede leer el archivo {file}', why: 'no existe o no hay permiso para leerlo' },
    },
    'archive.too-many': {
      kind: 'invalid',
      en: { what: 'too many images for one archive', why: 'at most {maximum}' },
      es: { what: 'demasiadas imágenes para un archivo', why: '{maximum} como mucho' },
    },
  },
  reasonInWords,
);
