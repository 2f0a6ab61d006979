import { ULIMIT_NAMES } from '../formats/index.ts';
import type { Text } from '../system/index.ts';

export {
  formatUlimits,
  isUlimit,
  parseUlimit,
  parseUlimits,
  ULIMIT_NAMES,
  ULIMITS_ANNOTATION,
  type Ulimit,
  type UlimitName,
  type Ulimits,
} from '../formats/index.ts';

export const ULIMITS_MEANING: Text = {
  en: `limits such as nofile=65536, memlock=-1 or, of one container, web: nofile=1024:2048 (soft:hard), with ; between containers; there are ${ULIMIT_NAMES.join(', ')}`,
  es: `límites como nofile=65536, memlock=-1 o, de un contenedor, web: nofile=1024:2048 (blando:duro), con ; entre contenedores; existen ${ULIMIT_NAMES.join(', ')}`,
};
