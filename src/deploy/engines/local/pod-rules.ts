import { runCommand, type Text } from '../../../system/index.ts';

const NFT_MS = 10_000;

/** Runs nft inside the network of a process, with the rights that its owner has there. */
export function runNft(
  pid: number,
  rootless: boolean,
  words: readonly string[],
  input: string,
): ReturnType<typeof runCommand> {
  const enter = rootless ? ['--user', '--preserve-credentials', '--net'] : ['--net'];
  return runCommand('nsenter', ['--target', String(pid), ...enter, 'nft', ...words], { input, timeoutMs: NFT_MS });
}

/** Null when rules inside pods can be loaded on this host; otherwise why not. */
export async function rulesMissing(): Promise<Text | null> {
  try {
    const { code } = await runCommand('nft', ['--version'], { timeoutMs: 5_000 });
    if (code === 0) return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  return {
    en: 'environments are not kept apart, and ports of services cannot be redirected: the program nft is not installed (package nftables)',
    es: 'los entornos no quedan separados ni se pueden redirigir puertos de servicios: falta el programa nft (paquete nftables)',
  };
}
