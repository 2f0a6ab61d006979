import type { Text } from '../system/index.ts';
import { spanishOf } from './spanish.ts';

/** Spanish for what the codes of a scan mean; the detail follows where there are words for it. */
const SPANISH: Readonly<Record<string, string>> = {
  'layer.mismatch': 'una capa no es la que declara la imagen',
  'inventory.incomplete': 'no se pudo leer una base de datos de paquetes',
  'worker.timeout': 'el análisis superó el tiempo permitido',
  'worker.crashed': 'el proceso de análisis terminó antes de tiempo',
  'worker.garbage': 'el proceso de análisis dio una respuesta ilegible',
  'worker.aborted': 'el análisis fue detenido',
  'worker.failed': 'el análisis falló',
  'content.unreadable': 'no se pudo leer el contenido de la imagen',
  'image.invalid': 'la imagen está mal formada',
  'inflate.corrupt': 'una capa comprimida está dañada o cortada',
  'inflate.output-limit': 'una capa ocupa más de lo permitido al descomprimirse',
  'inflate.ratio-limit': 'una capa crece demasiado al descomprimirse',
  'tar.truncated': 'una capa está cortada',
  'tar.entry-limit': 'la imagen tiene demasiadas entradas',
  'tar.name': 'una capa tiene un nombre no permitido',
  'tar.unsupported': 'una capa tiene una entrada no admitida',
};

/** Why a scan is not complete. */
export function incompleteReason(code: string, message: string, layer: string | null): Text {
  const where = layer === null ? '' : ` (${layer.slice(0, 19)}…)`;
  const spanish = SPANISH[code] ?? 'una capa está mal formada';
  const detail = spanishOf(message);
  return { en: `${message}${where}`, es: `${spanish}${where}${detail === null ? '' : `: ${detail}`}` };
}

/** Why what the kernel writes is left out of a scan: nobody put it there. */
export const KERNEL_FILES = 'files of the kernel';
