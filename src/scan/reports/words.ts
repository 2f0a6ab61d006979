import type { Language, Text } from '../../system/index.ts';
import type { MalwareEngine, MalwareResult } from '../malware/result.ts';
import {
  type CheckSeverity,
  type Finding,
  RISK_CLASSES,
  type RiskClass,
  type ScanReport,
  type VexStatus,
} from '../report.ts';

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
    const { answered = 0 } = summary;
    const said = [
      ...(answered < findings.length ? [{ en: list('en'), es: list('es') }] : []),
      ...(answered > 0 ? [{ en: `${answered} answered for`, es: `${answered} con respuesta` }] : []),
    ];
    parts.push({
      en: `${findings.length} ${one}: ${said.map(({ en }) => en).join(', ')}`,
      es: `${findings.length} ${many}: ${said.map(({ es }) => es).join(', ')}`,
    });
  }
  if (secrets.length > 0) {
    parts.push({
      en: `${secrets.length} ${secrets.length === 1 ? 'credential' : 'credentials'} in the image`,
      es: `${secrets.length} ${secrets.length === 1 ? 'credencial expuesta' : 'credenciales expuestas'}`,
    });
  }
  if (misconfigurations.length > 0) {
    parts.push({
      en: `${misconfigurations.length} remarks on its configuration`,
      es: `${misconfigurations.length} observaciones sobre su configuración`,
    });
  }
  if (report.withoutPackages === true) {
    parts.unshift({ en: 'packages were not looked for', es: 'no se buscaron paquetes' });
  } else if (findings.length === 0 && summary.state === 'unknown') {
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

const ENGINE_TITLE: Readonly<Record<MalwareEngine['name'], Text>> = {
  clamav: { en: 'ClamAV', es: 'ClamAV' },
  yara: { en: 'YARA', es: 'YARA' },
  hashes: { en: 'list of hashes', es: 'lista de hashes' },
};

/** An engine and what it knows: 'ClamAV 1.4.6 (signatures 27800 of 2026-11-22)'. */
export function engineText({ name, version, signatures, signaturesAt }: MalwareEngine): Text {
  const title = ENGINE_TITLE[name];
  const day = signaturesAt?.slice(0, 10);
  if (name === 'hashes') return { en: `${title.en} ${signatures}`, es: `${title.es} ${signatures}` };
  if (name === 'yara') {
    return { en: `${title.en} ${version} (rules ${signatures})`, es: `${title.es} ${version} (reglas ${signatures})` };
  }
  return {
    en: `${title.en} ${version} (signatures ${signatures}${day ? ` of ${day}` : ''})`,
    es: `${title.es} ${version} (firmas ${signatures}${day ? ` del ${day}` : ''})`,
  };
}

/** What engines said of the files of an image, in one line. */
export function malwareLine({ state, reason, engines, files }: MalwareResult): Text {
  const by = {
    en: engines.map((one) => engineText(one).en).join(', '),
    es: engines.map((one) => engineText(one).es).join(', '),
  };
  const missing = {
    en: reason === null ? '' : `; not all was seen: ${reason.en}`,
    es: reason === null ? '' : `; no se vio todo: ${reason.es}`,
  };
  switch (state) {
    case 'clean':
      return {
        en: `no malware in ${files} files: ${by.en}`,
        es: `sin código malicioso en ${files} archivos: ${by.es}`,
      };
    case 'found':
      return {
        en: `malware was looked for in ${files} files: ${by.en}${missing.en}`,
        es: `se buscó código malicioso en ${files} archivos: ${by.es}${missing.es}`,
      };
    case 'not-scanned':
      return engines.length === 0
        ? { en: `malware: not scanned (${reason?.en})`, es: `código malicioso: sin analizar (${reason?.es})` }
        : {
            en: `malware: nothing found in ${files} files by ${by.en}, which is not enough for "clean": ${reason?.en}`,
            es: `código malicioso: nada en ${files} archivos según ${by.es}, lo que no basta para «limpio»: ${reason?.es}`,
          };
  }
}

/** What people decided about a finding, in short; null when nobody did. */
export function standingOf({ vex, exception }: Pick<Finding, 'vex' | 'exception'>): Text | null {
  if (vex !== null) {
    const status = VEX_WORDS[vex.status];
    return { en: `${status.en} (${vex.author})`, es: `${status.es} (${vex.author})` };
  }
  if (exception === null) return null;
  const day = exception.expiresAt.slice(0, 10);
  return {
    en: `accepted until ${day} by ${exception.approver}`,
    es: `aceptado hasta el ${day} por ${exception.approver}`,
  };
}

const VEX_WORDS: Readonly<Record<VexStatus, Text>> = {
  not_affected: { en: 'not affected', es: 'no afecta' },
  affected: { en: 'affected', es: 'afecta' },
  fixed: { en: 'fixed', es: 'corregido' },
  under_investigation: { en: 'under investigation', es: 'en investigación' },
};

/** How bad a misconfiguration is. */
export const CHECK_SEVERITY_WORDS: Readonly<Record<CheckSeverity, Text>> = {
  critical: { en: 'critical', es: 'crítica' },
  high: { en: 'high', es: 'alta' },
  medium: { en: 'medium', es: 'media' },
  low: { en: 'low', es: 'baja' },
};
