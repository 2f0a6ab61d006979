import { access, constants } from 'node:fs/promises';
import { Fault } from '../../../system/index.ts';
import { engineFault } from './errors.ts';

/** By it slirp4netns and pasta carry what pods of an ordinary account send. udev opens it to everybody; some machines have no udev. */
export const TUN = '/dev/net/tun';

/** @throws Fault engine.lacks where this account cannot open the device, before Podman makes half a network without it */
export async function requireTun(path: string, operation: string): Promise<void> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw engineFault(
      'engine.lacks',
      {
        operation,
        why: isMissing
          ? `pods of an ordinary account have no network without ${path}, which this machine lacks; as root: modprobe tun`
          : `pods of an ordinary account have no network without ${path}, which is closed to it; as root: chmod 666 ${path}`,
        porque: isMissing
          ? `los pods de una cuenta corriente no tienen red sin ${path}, que esta máquina no tiene; con root: modprobe tun`
          : `los pods de una cuenta corriente no tienen red sin ${path}, que tiene cerrado; con root: chmod 666 ${path}`,
      },
      { cause: error },
    );
  }
}

/**
 * Podman 4 makes a namespace for the bridges of an account with its first pod. Where its way out failed, it takes what it
 * has begun for whole ever after, and says this of each pod (libpod/networking_linux.go, GetRootlessNetNs).
 */
export function isHalfMade(error: unknown): boolean {
  return error instanceof Fault && error.message.includes('failed to mount runtime directory for rootless netns');
}
