import { readFile, rename, rm } from 'node:fs/promises';
import { type CliProgram, streamToFile, type Text, writeFileAtomic } from '../../system/index.ts';
import { readPublicKey } from '../../trust/index.ts';
import { printable } from '../timeline.ts';
import { evidenceFault } from './errors.ts';
import type { CustodyStep, EvidencePart } from './format.ts';
import type { EvidenceDetailView, EvidenceView } from './routes.ts';
import { standAloneVerifier } from './verifier.ts';
import { sha256, verifyEvidence } from './verify.ts';

const PART_WORDS: Readonly<Record<EvidencePart, Text>> = {
  container: { en: 'container', es: 'contenedor' },
  processes: { en: 'processes, open files', es: 'procesos, archivos abiertos' },
  'memory-maps': { en: 'memory maps', es: 'mapas de memoria' },
  sockets: { en: 'sockets', es: 'sockets' },
  layer: { en: 'changed files', es: 'archivos cambiados' },
  'memory-files': { en: 'files in memory (tmpfs)', es: 'archivos en memoria (tmpfs)' },
  executables: { en: 'programs that run', es: 'programas en marcha' },
  log: { en: 'log', es: 'registro' },
  events: { en: 'last events', es: 'últimos eventos' },
  packets: { en: 'packets of its network', es: 'paquetes de su red' },
};

const PART_STATES = {
  whole: { en: 'whole', es: 'completo' },
  partial: { en: 'in part', es: 'en parte' },
  absent: { en: 'missing', es: 'falta' },
} as const;

const STEPS: Readonly<Record<CustodyStep['what'], Text>> = {
  taken: { en: 'taken', es: 'tomada' },
  read: { en: 'read', es: 'leída' },
  exported: { en: 'exported', es: 'exportada' },
  deleted: { en: 'deleted', es: 'borrada' },
};

/** `darsena evidence …`: what a container was like at one moment, signed, with who had it in hands. */
export function evidenceCommands(cli: CliProgram): void {
  const { api, print, t } = cli;
  const noun = cli.program
    .command('evidence')
    .description(t({ en: 'evidence of containers', es: 'evidencia de contenedores' }));
  noun
    .command('take')
    .argument('[workload]', t({ en: 'PROJECT/WORKLOAD', es: 'PROYECTO/CARGA' }))
    .option('--incident <number>', t({ en: 'of the container of an incident', es: 'del contenedor de un incidente' }))
    .option('--env <name>', t({ en: 'in which environment', es: 'en qué entorno' }))
    .option('--replica <name>', t({ en: 'of this replica', es: 'de esta réplica' }))
    .option('--container <name>', t({ en: 'of this container of the pod', es: 'de este contenedor del pod' }))
    .option('--keep-paused', t({ en: 'leave it paused afterwards', es: 'dejarlo en pausa después' }))
    .option(
      '--no-files',
      t({ en: 'only names and hashes of changed files', es: 'solo nombres y hashes de los archivos cambiados' }),
    )
    .option(
      '--packets <seconds>',
      t({
        en: 'keep the packets of its network first, for so many seconds (30 at most)',
        es: 'conservar antes los paquetes de su red, durante tantos segundos (30 como mucho)',
      }),
    )
    .option('--reason <text>', t({ en: 'why', es: 'por qué' }))
    .description(
      t({
        en: 'stop a container for a moment and keep what it is',
        es: 'detener un contenedor un momento y guardar cómo está',
      }),
    )
    .action(async (workload: string | undefined, options: TakeOptions) => {
      const taken = await api.post<EvidenceView>('/evidence', takeBody(workload, options));
      if (cli.output.json) return print.json(taken);
      showParts(cli, taken);
      print.result({
        en: `evidence ${taken.id}: ${taken.files} files, ${print.bytes(taken.bytes)}`,
        es: `evidencia ${taken.id}: ${taken.files} archivos, ${print.bytes(taken.bytes)}`,
      });
    });
  noun
    .command('list')
    .option('--incident <number>', t({ en: 'of one incident', es: 'de un incidente' }))
    .option('--project <name>', t({ en: 'of one project', es: 'de un proyecto' }))
    .description(t({ en: 'list the evidence that was taken', es: 'listar la evidencia tomada' }))
    .action(async (options: { incident?: string; project?: string }) => {
      const query = new URLSearchParams({ limit: '200', ...options });
      const { items } = await api.get<{ items: EvidenceView[] }>(`/evidence?${query}`);
      print.table(
        [
          { title: { en: 'evidence', es: 'evidencia' }, value: (row) => row.id },
          { title: { en: 'incident', es: 'incidente' }, value: (row) => String(row.incident ?? '–'), align: 'right' },
          { title: { en: 'where', es: 'dónde' }, value: placeOf },
          { title: { en: 'size', es: 'tamaño' }, value: (row) => sizeOf(cli, row), align: 'right' },
          { title: { en: 'by', es: 'por' }, value: (row) => row.takenBy },
          { title: { en: 'age', es: 'antigüedad' }, value: (row) => print.age(row.at) },
          { title: { en: 'host', es: 'host' }, value: (row) => row.host, wide: true },
          { title: { en: 'container', es: 'contenedor' }, value: (row) => row.containerId.slice(0, 12), wide: true },
        ],
        items,
        { empty: { en: 'no evidence was taken', es: 'no se ha tomado evidencia' } },
      );
    });
  noun
    .command('show')
    .argument('<id>')
    .description(
      t({
        en: 'show what was gathered, and who had it in hands',
        es: 'mostrar qué se reunió y quién lo tuvo en sus manos',
      }),
    )
    .action(async (id: string) => {
      const found = await api.get<EvidenceDetailView>(`/evidence/${encodeURIComponent(id)}`);
      if (cli.output.json) return print.json(found);
      print.line(print.colour('strong', `${t({ en: 'Evidence', es: 'Evidencia' })} ${found.id}`));
      print.line(`  ${placeOf(found)} @ ${found.host}, ${found.containerId.slice(0, 12)}, ${found.at}`);
      if (found.reason !== null) print.line(`  ${printable(found.reason)}`);
      showParts(cli, found);
      print.line('');
      showCustody(cli, found.custody);
      print.line('');
      for (const file of found.manifest.files) {
        print.line(`  ${file.sha256.slice(0, 12)}  ${print.bytes(file.bytes).padStart(9)}  ${printable(file.path)}`);
      }
    });
  noun
    .command('export')
    .argument('<id>')
    .option('-o, --output <file>', t({ en: 'the archive to write', es: 'el archivo que se escribe' }))
    .description(t({ en: 'write evidence into one archive', es: 'escribir la evidencia en un archivo' }))
    .action(async (id: string, options: { output?: string }) => {
      // The program knows -o as well and reads it first, wherever it stands.
      const output = options.output ?? cli.program.opts<{ output?: string }>().output ?? `evidence-${id}.tar`;
      const partial = `${output}.part`;
      try {
        await streamToFile(partial, [api.download(`/evidence/${encodeURIComponent(id)}/archive`)]);
        await rename(partial, output);
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
      if (cli.output.json) return print.json({ file: output });
      print.result(output);
      print.line({
        en: `check it: darsena evidence verify ${output}`,
        es: `comprobarlo: darsena evidence verify ${output}`,
      });
    });
  noun
    .command('delete')
    .argument('<id>')
    .requiredOption('--reason <text>', t({ en: 'why', es: 'por qué' }))
    .description(
      t({
        en: 'delete the bytes; hashes and chain of custody stay',
        es: 'borrar los bytes; los hashes y la cadena de custodia se quedan',
      }),
    )
    .action(async (id: string, { reason }: { reason: string }) => {
      const query = new URLSearchParams({ reason });
      const deleted = await api.delete<EvidenceView>(`/evidence/${encodeURIComponent(id)}?${query}`);
      if (cli.output.json) return print.json(deleted);
      print.result({ en: `evidence ${deleted.id} deleted`, es: `evidencia ${deleted.id} borrada` });
    });
  noun
    .command('verifier')
    .option('-o, --output <file>', t({ en: 'where to write it', es: 'dónde escribirlo' }), 'verify-evidence.mjs')
    .description(
      t({
        en: 'write a verifier for machines without the platform: one file, Node.js 18 or later and nothing else',
        es: 'escribir un verificador para máquinas sin la plataforma: un archivo, Node.js 18 o posterior y nada más',
      }),
    )
    .action(async (options: { output: string }) => {
      // As with export: the program reads -o first.
      const output = cli.program.opts<{ output?: string }>().output ?? options.output;
      const text = await standAloneVerifier();
      await writeFileAtomic(output, text, { mode: 0o644 });
      const hash = sha256(text);
      if (cli.output.json) return print.json({ file: output, sha256: hash });
      print.line({ en: `SHA-256 ${hash}`, es: `SHA-256 ${hash}` });
      print.result({
        en: `${output}: there, node ${output} EVIDENCE.tar control.pem (the key: darsena trust keys control --pem)`,
        es: `${output}: allí, node ${output} EVIDENCIA.tar control.pem (la clave: darsena trust keys control --pem)`,
      });
    });
  noun
    .command('verify')
    .argument('<file>', t({ en: 'an exported archive', es: 'un archivo exportado' }))
    .option('--key <file>', t({ en: 'the platform’s public key, PEM', es: 'la clave pública de la plataforma, PEM' }))
    .option('--host-key <file>', t({ en: 'the host’s public key, PEM', es: 'la clave pública del host, PEM' }))
    .description(
      t({
        en: 'check an archive: every hash and signature; no server needed',
        es: 'comprobar un archivo: cada hash y cada firma; sin servidor',
      }),
    )
    .action(async (file: string, options: { key?: string; hostKey?: string }) => {
      const found = await verifyEvidence(file, {
        control: await readKey(options.key),
        host: await readKey(options.hostKey),
      });
      if (cli.output.json) return print.json(found);
      const { manifest, receipt, custody, pinned } = found;
      // An archive comes from anybody.
      const [host, taker] = [printable(manifest.host), printable(receipt.takenBy)];
      print.line({
        en: `taken ${manifest.startedAt} on ${host} for ${taker}, container ${manifest.containerId.slice(0, 12)}`,
        es: `tomada ${manifest.startedAt} en ${host} para ${taker}, contenedor ${manifest.containerId.slice(0, 12)}`,
      });
      showCustody(cli, custody.steps);
      print.line({
        en: `signed by the host ${found.hostKey.slice(0, 16)} and the platform ${found.controlKey.slice(0, 16)}`,
        es: `firmada por el host ${found.hostKey.slice(0, 16)} y la plataforma ${found.controlKey.slice(0, 16)}`,
      });
      if (!pinned.control) {
        print.note({
          en: 'the keys are those in the archive: bring the platform’s own with --key (darsena trust keys control --pem)',
          es: 'las claves son las del propio archivo: indicar la de la plataforma con --key (darsena trust keys control --pem)',
        });
      }
      print.result(
        print.colour(
          'good',
          t({ en: `${found.files} files as they were signed`, es: `${found.files} archivos tal como se firmaron` }),
        ),
      );
    });
}

interface TakeOptions {
  readonly incident?: string;
  readonly env?: string;
  readonly replica?: string;
  readonly container?: string;
  readonly keepPaused?: boolean;
  readonly packets?: string;
  readonly files: boolean;
  readonly reason?: string;
}

function takeBody(workload: string | undefined, options: TakeOptions): Record<string, unknown> {
  const how = {
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    keepPaused: options.keepPaused === true,
    packetSeconds: Number(options.packets ?? 0),
    copyFiles: options.files,
  };
  if (options.incident !== undefined) return { incident: Number(options.incident), ...how };
  const [project, name] = (workload ?? '').split('/');
  if (project === undefined || name === undefined || options.env === undefined)
    throw evidenceFault('evidence.target-needed');
  const { replica, container } = options;
  return {
    ...{ project, environment: options.env, workload: name },
    ...(replica === undefined ? {} : { replica }),
    ...(container === undefined ? {} : { container }),
    ...how,
  };
}

async function readKey(path: string | undefined) {
  if (path === undefined) return null;
  return readPublicKey(await readFile(path, 'utf8'), path);
}

function placeOf({ project, environment, workload, containerId }: EvidenceView): string {
  if (project === null) return containerId.slice(0, 12);
  return [project, environment, workload].filter((part) => part !== null).join('/');
}

function sizeOf(cli: CliProgram, { bytes, deletedAt }: EvidenceView): string {
  return deletedAt === null ? cli.print.bytes(bytes) : cli.t({ en: 'deleted', es: 'borrada' });
}

function showParts(cli: CliProgram, { frozen, milliseconds, parts }: EvidenceView): void {
  const { print, t } = cli;
  if (frozen) {
    print.line({
      en: `the container stood still for ${milliseconds} ms`,
      es: `el contenedor estuvo detenido ${milliseconds} ms`,
    });
  } else
    print.note({
      en: 'the container could not be stopped meanwhile',
      es: 'no se pudo detener el contenedor entretanto',
    });
  for (const { part, state, why } of parts) {
    const line = `  ${t(PART_WORDS[part]).padEnd(26)} ${t(PART_STATES[state])}${why === null ? '' : `: ${printable(why)}`}`;
    print.line(state === 'whole' ? line : print.colour('warn', line));
  }
}

function showCustody(cli: CliProgram, steps: readonly CustodyStep[]): void {
  for (const { at, what, actor, note } of steps) {
    const why = note === null ? '' : ` – ${printable(note)}`;
    cli.print.line(
      `  ${at.replace('T', ' ').replace(/\.\d+Z$/, '')}  ${cli.t(STEPS[what]).padEnd(10)} ${printable(actor)}${why}`,
    );
  }
}
