import type { Text } from '../system/index.ts';

/** Where nothing may hang on the function by which they all come. */
export const CALLS_OF_32_BITS = 'calls of 32-bit programs, and those that others make by int 0x80';

const IN_SPANISH: Readonly<Record<string, string>> = {
  'programs started': 'programas arrancados',
  'processes made': 'procesos creados',
  'processes ended': 'procesos terminados',
  'containers removed': 'contenedores retirados',
  'files opened by openat': 'archivos abiertos con openat',
  'files opened by openat2': 'archivos abiertos con openat2',
  'files opened by open': 'archivos abiertos con open',
  'files made by creat': 'archivos creados con creat',
  'connections made': 'conexiones hechas',
  'denied programs killed': 'programas prohibidos terminados',
  'what is done through io_uring': 'lo que se hace con io_uring',
  'how it ended what is done through io_uring': 'cómo acabó lo que se hace con io_uring',
  'how it ended what is done through io_uring when its answers overflow':
    'cómo acabó lo que se hace con io_uring cuando desbordan sus respuestas',
  'questions to name servers': 'preguntas a servidores de nombres',
  [CALLS_OF_32_BITS]: 'llamadas de programas de 32 bits, y las que otros hacen por int 0x80',
  'calls that nothing watched until now': 'llamadas que hasta ahora nada observaba',
  'BPF programs': 'programas BPF',
  'processes made and ended, connections, and every call beside exec and open':
    'procesos creados y terminados, conexiones, y toda llamada que no sea exec ni open',
  'opens that failed, the flags of an open, and what a container opens in its first second':
    'aperturas fallidas, las opciones de una apertura, y lo que un contenedor abre en su primer segundo',
  'whether a program is in the image': 'si un programa está en la imagen',
  'volumes and other file systems of the host inside containers':
    'volúmenes y otros sistemas de archivos del host dentro de contenedores',
  'arguments of programs that ended at once (audit)': 'argumentos de programas que terminaron enseguida (audit)',
};

/** What is not seen, as the sensor names it, in words; calls keep their names. */
export function unseenWords(what: string): Text {
  return { en: what, es: Object.hasOwn(IN_SPANISH, what) ? (IN_SPANISH[what] ?? what) : what };
}
