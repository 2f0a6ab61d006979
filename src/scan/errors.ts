import { defineFaults } from '../system/index.ts';
import { whyText } from './spanish.ts';

export const scanFault = defineFaults(
  {
    'scan.place-missing': {
      kind: 'invalid',
      en: { what: 'there is no {path}', remedy: 'give a folder, a file or the name of an image: darsena scan --help' },
      es: {
        what: 'no existe {path}',
        remedy: 'indicar una carpeta, un archivo o el nombre de una imagen: darsena scan --help',
      },
    },
    'scan.gate-blind': {
      kind: 'invalid',
      en: {
        what: '--fail-on {word} asks about what is not looked for',
        why: 'only {scanners} is',
        remedy: 'leave --scanners out, or name there what the gate asks about',
      },
      es: {
        what: '--fail-on {word} pregunta por algo que no se busca',
        why: 'solo se busca {scanners}',
        remedy: 'quitar --scanners, o nombrar ahí aquello por lo que se pregunta',
      },
    },
    'scan.archive-unknown': {
      kind: 'invalid',
      en: {
        what: '{path} is no image that can be scanned',
        why: '{why}',
        remedy: 'give an OCI layout folder, an oci-archive or a docker-archive, or an image name of the platform',
      },
      es: {
        what: '{path} no es una imagen que se pueda analizar',
        why: '{why}',
        remedy:
          'indicar una carpeta OCI, un archivo oci-archive o docker-archive, o el nombre de una imagen de la plataforma',
      },
    },
    'scan.engine-failed': {
      kind: 'unavailable',
      en: {
        what: 'Podman cannot give {name}',
        why: '{why}',
        remedy: 'podman ps --all; podman images; those of another user are seen by that user only',
      },
      es: {
        what: 'Podman no puede entregar {name}',
        why: '{why}',
        remedy: 'podman ps --all; podman images; los de otro usuario solo los ve ese usuario',
      },
    },
    'scan.harbor-registry': {
      kind: 'forbidden',
      en: {
        what: '{url} is no registry that Harbor may send scans to',
        why: 'it is not in harborRegistries of control.json, as host and scheme',
        remedy: 'list it there and restart, if it is yours',
      },
      es: {
        what: '{url} no es un registro al que Harbor pueda enviar análisis',
        why: 'no está en harborRegistries de control.json, con su host y esquema',
        remedy: 'añadirlo allí y reiniciar, si es propio',
      },
    },
    'scan.harbor-authorization': {
      kind: 'invalid',
      en: { what: 'the authorization of the registry is not understood', why: 'expected Basic with name and secret' },
      es: { what: 'no se entiende la autorización del registro', why: 'se esperaba Basic con nombre y secreto' },
    },
    'scan.harbor-busy': {
      kind: 'limited',
      en: { what: 'too many scans wait', why: 'the limit is {max}', remedy: 'ask again later' },
      es: { what: 'esperan demasiados análisis', why: 'el límite es {max}', remedy: 'volver a pedirlo más tarde' },
    },
    'scan.harbor-job': {
      kind: 'not-found',
      en: { what: 'there is no scan {id}', remedy: 'ask for the scan again' },
      es: { what: 'no hay ningún análisis {id}', remedy: 'volver a pedir el análisis' },
    },
    'scan.bill-unreadable': {
      kind: 'invalid',
      en: {
        what: '{path} is no bill of materials that can be read',
        why: '{why}',
        remedy: 'give CycloneDX 1.4 to 1.7 or SPDX 2.2, 2.3 or 3.0 in JSON',
      },
      es: {
        what: '{path} no es una lista de componentes que se pueda leer',
        why: '{why}',
        remedy: 'indicar CycloneDX 1.4 a 1.7 o SPDX 2.2, 2.3 o 3.0 en JSON',
      },
    },
    'scan.rules-invalid': {
      kind: 'invalid',
      en: { what: '{name} cannot be used for scanning', why: '{why}', remedy: 'correct the file and give it again' },
      es: { what: '{name} no sirve para analizar', why: '{why}', remedy: 'corregir el archivo y volver a indicarlo' },
    },
    'scan.try-busy': {
      kind: 'limited',
      en: {
        what: 'rules are being tried by others',
        why: 'the limit is {max} at once',
        remedy: 'try again in a moment',
      },
      es: {
        what: 'otras personas están probando reglas',
        why: 'el límite es {max} a la vez',
        remedy: 'volver a probar enseguida',
      },
    },
    'scan.java-index': {
      kind: 'invalid',
      en: {
        what: '{place} is no index of Java archives',
        why: '{why}',
        remedy: "give Trivy's trivy-java.db, or a list with a SHA-1 and group:artifact:version a line",
      },
      es: {
        what: '{place} no es un índice de archivos Java',
        why: '{why}',
        remedy: 'indicar trivy-java.db de Trivy, o una lista con un SHA-1 y grupo:artefacto:versión por línea',
      },
    },
    'scan.rules-unknown': {
      kind: 'not-found',
      en: { what: 'there is no file {name} of kind {kind} in use', remedy: 'darsena scan rules list' },
      es: { what: 'no hay ningún archivo {name} de clase {kind} en uso', remedy: 'darsena scan rules list' },
    },
    'scan.not-found': {
      kind: 'not-found',
      en: { what: 'there is no scan of {digest}', remedy: 'push the image again or ask for a new scan' },
      es: { what: 'no hay análisis de {digest}', remedy: 'volver a publicar la imagen o pedir un análisis nuevo' },
    },
    'scan.layer-unknown': {
      kind: 'not-found',
      en: { what: '{layer} is no layer of {digest}' },
      es: { what: '{layer} no es una capa de {digest}' },
    },
    'scan.layer-unread': {
      kind: 'not-found',
      en: {
        what: 'the files of {layer} are not known',
        why: 'the layer could not be read when the image was scanned, or by an older scanner',
        remedy: 'scan the image again',
      },
      es: {
        what: 'no se conocen los archivos de {layer}',
        why: 'la capa no se pudo leer al analizar la imagen, o la leyó un analizador anterior',
        remedy: 'analizar la imagen de nuevo',
      },
    },
    'scan.owners-failed': {
      kind: 'unavailable',
      en: { what: 'whose the files are cannot be said', why: '{why}', remedy: 'scan the image again' },
      es: { what: 'no se puede decir de quién son los archivos', why: '{why}', remedy: 'analizar la imagen de nuevo' },
    },
    'scan.package-unknown': {
      kind: 'not-found',
      en: {
        what: 'the image has no package {purl} told of by {path}',
        remedy: 'see its packages: darsena scan packages IMAGE --json',
      },
      es: {
        what: 'la imagen no tiene el paquete {purl} descrito en {path}',
        remedy: 'ver sus paquetes: darsena scan packages IMAGEN --json',
      },
    },
    'scan.vex-invalid': {
      kind: 'invalid',
      en: {
        what: 'the VEX document cannot be used',
        why: '{why}',
        remedy: 'give OpenVEX, CSAF 2.0 or CycloneDX as JSON',
      },
      es: { what: 'el documento VEX no sirve', why: '{why}', remedy: 'indicar OpenVEX, CSAF 2.0 o CycloneDX en JSON' },
    },
    'scan.vex-many': {
      kind: 'conflict',
      en: { what: 'project {project} has {most} VEX documents already', remedy: 'revoke old ones: darsena vex list' },
      es: {
        what: 'el proyecto {project} ya tiene {most} documentos VEX',
        remedy: 'revocar los antiguos: darsena vex list',
      },
    },
    'scan.vex-unknown': {
      kind: 'not-found',
      en: { what: 'there is no VEX document {id} in project {project}' },
      es: { what: 'no hay ningún documento VEX {id} en el proyecto {project}' },
    },
    'scan.vex-own': {
      kind: 'forbidden',
      en: {
        what: 'VEX document {id} cannot be approved by who brought it',
        why: '{author} brought it; a second person has to believe it',
      },
      es: {
        what: 'el documento VEX {id} no lo puede aprobar quien lo trajo',
        why: 'lo trajo {author}; tiene que creerlo una segunda persona',
      },
    },
    'scan.digest-invalid': {
      kind: 'invalid',
      en: { what: '{digest} is no digest', why: 'expected sha256: and 64 hex digits' },
      es: { what: '{digest} no es un digest', why: 'se esperaba sha256: y 64 cifras hexadecimales' },
    },
    'scan.choice-unknown': {
      kind: 'invalid',
      en: { what: '{value} is no choice here', why: 'expected one of {choices}' },
      es: { what: '{value} no es una opción válida', why: 'se esperaba una de {choices}' },
    },
    'scan.image-unknown': {
      kind: 'not-found',
      en: { what: 'there is no image {image}', remedy: 'darsena image list' },
      es: { what: 'no hay ninguna imagen {image}', remedy: 'darsena image list' },
    },
  },
  whyText,
);
