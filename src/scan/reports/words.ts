import type { Language, Text } from '../../system/index.ts';
import { RISK_CLASSES, type RiskClass, type ScanReport } from '../report.ts';

export const RISK_WORDS: Readonly<Record<RiskClass, Text>> = {
  'act-now': { en: 'act now', es: 'actuar ya' },
  high: { en: 'high', es: 'alto' },
  medium: { en: 'medium', es: 'medio' },
  low: { en: 'low', es: 'bajo' },
  unknown: { en: 'unknown', es: 'desconocido' },
};

/** The answer in one line. */
export function summaryOf(report: ScanReport): Text {
  const { summary, findings, secrets, malware, misconfigurations } = report;
  if (!report.complete) {
    const why = report.incomplete ?? { en: '', es: '' };
    return {
      en: `the scan is not complete, so nothing can be said: ${why.en}`,
      es: `el análisis no está completo y nada se puede afirmar: ${why.es}`,
    };
  }
  const parts: Text[] = [];
  if (malware.findings.length > 0) {
    parts.push({
      en: `MALWARE in ${malware.findings.length} places`,
      es: `CÓDIGO MALICIOSO en ${malware.findings.length} lugares`,
    });
  }
  if (findings.length > 0) {
    const list = (language: Language): string =>
      RISK_CLASSES.filter((risk) => summary.byRisk[risk] > 0)
        .map((risk) => `${summary.byRisk[risk]} ${RISK_WORDS[risk][language]}`)
        .join(', ');
    const [one, many] = findings.length === 1 ? ['finding', 'hallazgo'] : ['findings', 'hallazgos'];
    parts.push({ en: `${findings.length} ${one}: ${list('en')}`, es: `${findings.length} ${many}: ${list('es')}` });
  }
  if (secrets.length > 0) {
    parts.push({ en: `${secrets.length} credentials in the image`, es: `${secrets.length} credenciales expuestas` });
  }
  if (misconfigurations.length > 0) {
    parts.push({
      en: `${misconfigurations.length} remarks on its configuration`,
      es: `${misconfigurations.length} observaciones sobre su configuración`,
    });
  }
  if (findings.length === 0 && summary.state === 'unknown') {
    parts.unshift({
      en: 'unknown: there is not enough advisory data to judge the packages (see: darsena advisories, --advisories)',
      es: 'desconocido: no hay avisos suficientes para juzgar los paquetes (ver: darsena advisories, --advisories)',
    });
  }
  if (findings.length === 0 && summary.state === 'clean') {
    parts.unshift({
      en: 'clean: no known issue in any package',
      es: 'limpia: ningún problema conocido en ningún paquete',
    });
  }
  return { en: parts.map(({ en }) => en).join('; '), es: parts.map(({ es }) => es).join('; ') };
}
