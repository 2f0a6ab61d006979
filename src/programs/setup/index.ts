export { publishAuthority, readAuthority } from './authority.ts';
export {
  type Adaptation,
  type CgroupKind,
  currentMode,
  DEFAULT_INSTANCE,
  findInstance,
  type Instance,
  type InstanceFiles,
  instanceFiles,
  instanceFolders,
  instanceName,
  type Mode,
  type PodmanFiles,
  type Ports,
  type RuntimeName,
  readInstance,
  type SystemUser,
} from './instance.ts';
export { endSocketOwners } from './processes.ts';
export { type ProgramName, startProgram } from './programs.ts';
export { INSTANCE_LABEL } from './purge.ts';
export { stopProgram, supervisedState, superviseProgram } from './supervisor.ts';
