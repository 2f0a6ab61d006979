import type { Shape } from './protobuf.ts';

/**
 * The part of the Container Runtime Interface, version v1 (k8s.io/cri-api, pkg/apis/runtime/v1/api.proto), that is spoken
 * here: names as in camel case, numbers as there. Numbers of the interface are never given another meaning.
 */
const shape = <const S extends Shape>(fields: S): S => fields;

const METADATA = shape({ name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'], attempt: [4, 'int'] });
const CONTAINER_METADATA = shape({ name: [1, 'string'], attempt: [2, 'int'] });
const LONG = shape({ value: [1, 'long'] });
const PROFILE = shape({ type: [1, 'int'], reference: [2, 'string'] });
const NAMESPACES = shape({ network: [1, 'int'], pid: [2, 'int'], ipc: [3, 'int'], targetId: [4, 'string'] });
const SELINUX = shape({ user: [1, 'string'], role: [2, 'string'], type: [3, 'string'], level: [4, 'string'] });
const IMAGE_SPEC = shape({ image: [1, 'string'] });

export const RESOURCES = shape({
  cpuPeriod: [1, 'long'],
  cpuQuota: [2, 'long'],
  cpuShares: [3, 'long'],
  memoryLimit: [4, 'long'],
  memorySwapLimit: [10, 'long'],
});

export const SANDBOX_CONFIG = shape({
  metadata: [1, METADATA],
  hostname: [2, 'string'],
  logDirectory: [3, 'string'],
  dns: [4, shape({ servers: [1, 'strings'], searches: [2, 'strings'], options: [3, 'strings'] })],
  labels: [6, 'map'],
  annotations: [7, 'map'],
  linux: [
    8,
    shape({
      securityContext: [2, shape({ namespaces: [1, NAMESPACES], seccomp: [9, PROFILE] })],
      sysctls: [3, 'map'],
    }),
  ],
});

const MOUNT = shape({
  containerPath: [1, 'string'],
  hostPath: [2, 'string'],
  readonly: [3, 'bool'],
  propagation: [5, 'int'],
});

export const CONTAINER_CONFIG = shape({
  metadata: [1, CONTAINER_METADATA],
  image: [2, IMAGE_SPEC],
  command: [3, 'strings'],
  args: [4, 'strings'],
  workingDir: [5, 'string'],
  envs: [6, [shape({ key: [1, 'string'], value: [2, 'string'] })]],
  mounts: [7, [MOUNT]],
  labels: [9, 'map'],
  annotations: [10, 'map'],
  logPath: [11, 'string'],
  stdin: [12, 'bool'],
  tty: [14, 'bool'],
  linux: [
    15,
    shape({
      resources: [1, RESOURCES],
      securityContext: [
        2,
        shape({
          capabilities: [1, shape({ add: [1, 'strings'], drop: [2, 'strings'] })],
          namespaces: [3, NAMESPACES],
          seLinux: [4, SELINUX],
          runAsUser: [5, LONG],
          runAsGroup: [12, LONG],
          readonlyRootfs: [7, 'bool'],
          supplementalGroups: [8, 'longs'],
          noNewPrivs: [11, 'bool'],
          maskedPaths: [13, 'strings'],
          readonlyPaths: [14, 'strings'],
          seccomp: [15, PROFILE],
          apparmor: [16, PROFILE],
        }),
      ],
    }),
  ],
});

/** Requests and answers by the name of their method; nothing else is asked of a server. */
const EMPTY = shape({});
const SANDBOX = shape({
  id: [1, 'string'],
  metadata: [2, METADATA],
  state: [3, 'int'],
  createdAt: [4, 'long'],
  labels: [5, 'map'],
});
const CONTAINER = shape({
  id: [1, 'string'],
  sandboxId: [2, 'string'],
  metadata: [3, CONTAINER_METADATA],
  image: [4, IMAGE_SPEC],
  imageRef: [5, 'string'],
  state: [6, 'int'],
  createdAt: [7, 'long'],
  labels: [8, 'map'],
  annotations: [9, 'map'],
});
const CONTAINER_ID = shape({ containerId: [1, 'string'] });
const SANDBOX_ID = shape({ sandboxId: [1, 'string'] });
const URL_ANSWER = shape({ url: [1, 'string'] });
const IMAGE = shape({ id: [1, 'string'], uid: [5, LONG], username: [6, 'string'] });

export const RUNTIME = {
  Version: [
    shape({ version: [1, 'string'] }),
    shape({ runtimeName: [2, 'string'], runtimeVersion: [3, 'string'], apiVersion: [4, 'string'] }),
  ],
  Status: [
    shape({ verbose: [1, 'bool'] }),
    shape({
      status: [
        1,
        shape({
          conditions: [
            1,
            [shape({ type: [1, 'string'], status: [2, 'bool'], reason: [3, 'string'], message: [4, 'string'] })],
          ],
        }),
      ],
      info: [2, 'map'],
    }),
  ],
  RunPodSandbox: [shape({ config: [1, SANDBOX_CONFIG], runtimeHandler: [2, 'string'] }), SANDBOX_ID],
  StopPodSandbox: [SANDBOX_ID, EMPTY],
  RemovePodSandbox: [SANDBOX_ID, EMPTY],
  PodSandboxStatus: [
    shape({ sandboxId: [1, 'string'], verbose: [2, 'bool'] }),
    shape({
      status: [
        1,
        shape({ id: [1, 'string'], state: [3, 'int'], network: [5, shape({ ip: [1, 'string'] })], labels: [7, 'map'] }),
      ],
      info: [2, 'map'],
    }),
  ],
  ListPodSandbox: [shape({ filter: [1, shape({ labels: [3, 'map'] })] }), shape({ items: [1, [SANDBOX]] })],
  CreateContainer: [
    shape({ sandboxId: [1, 'string'], config: [2, CONTAINER_CONFIG], sandboxConfig: [3, SANDBOX_CONFIG] }),
    CONTAINER_ID,
  ],
  StartContainer: [CONTAINER_ID, EMPTY],
  StopContainer: [shape({ containerId: [1, 'string'], timeout: [2, 'long'] }), EMPTY],
  RemoveContainer: [CONTAINER_ID, EMPTY],
  ContainerStats: [
    CONTAINER_ID,
    shape({
      stats: [1, shape({ writableLayer: [4, shape({ usedBytes: [3, shape({ value: [1, 'long'] })] })] })],
    }),
  ],
  ListContainers: [shape({ filter: [1, shape({ labels: [4, 'map'] })] }), shape({ containers: [1, [CONTAINER]] })],
  ContainerStatus: [
    shape({ containerId: [1, 'string'], verbose: [2, 'bool'] }),
    shape({
      status: [
        1,
        shape({
          id: [1, 'string'],
          state: [3, 'int'],
          startedAt: [5, 'long'],
          finishedAt: [6, 'long'],
          exitCode: [7, 'int'],
          reason: [10, 'string'],
          message: [11, 'string'],
          labels: [12, 'map'],
          annotations: [13, 'map'],
          logPath: [15, 'string'],
        }),
      ],
      info: [2, 'map'],
    }),
  ],
  UpdateContainerResources: [shape({ containerId: [1, 'string'], linux: [2, RESOURCES] }), EMPTY],
  ReopenContainerLog: [CONTAINER_ID, EMPTY],
  ExecSync: [
    shape({ containerId: [1, 'string'], command: [2, 'strings'], timeout: [3, 'long'] }),
    shape({ stdout: [1, 'bytes'], stderr: [2, 'bytes'], exitCode: [3, 'int'] }),
  ],
  Exec: [
    shape({
      containerId: [1, 'string'],
      command: [2, 'strings'],
      tty: [3, 'bool'],
      stdin: [4, 'bool'],
      stdout: [5, 'bool'],
      stderr: [6, 'bool'],
    }),
    URL_ANSWER,
  ],
  Attach: [
    shape({
      containerId: [1, 'string'],
      stdin: [2, 'bool'],
      tty: [3, 'bool'],
      stdout: [4, 'bool'],
      stderr: [5, 'bool'],
    }),
    URL_ANSWER,
  ],
  GetContainerEvents: [EMPTY, shape({ containerId: [1, 'string'], type: [2, 'int'] })],
} as const satisfies Record<string, readonly [Shape, Shape]>;

export const IMAGES = {
  ImageStatus: [
    shape({ image: [1, IMAGE_SPEC], verbose: [2, 'bool'] }),
    shape({ image: [1, IMAGE], info: [2, 'map'] }),
  ],
  ListImages: [
    EMPTY,
    shape({ images: [1, [shape({ id: [1, 'string'], tags: [2, 'strings'], digests: [3, 'strings'] })]] }),
  ],
  RemoveImage: [shape({ image: [1, IMAGE_SPEC] }), EMPTY],
  PullImage: [
    shape({
      image: [1, IMAGE_SPEC],
      auth: [2, shape({ username: [1, 'string'], password: [2, 'string'], serverAddress: [4, 'string'] })],
    }),
    shape({ imageRef: [1, 'string'] }),
  ],
} as const satisfies Record<string, readonly [Shape, Shape]>;

/** enum NamespaceMode. */
export const NAMESPACE = { pod: 0, container: 1, target: 3 } as const;
/** enum SecurityProfile.ProfileType. */
export const PROFILE_TYPE = { runtimeDefault: 0, localhost: 2 } as const;
/** enum ContainerState, in its order. */
export const CONTAINER_STATES = ['created', 'running', 'exited', 'unknown'] as const;
export const SANDBOX_READY = 0;
