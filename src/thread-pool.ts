/** Threads are idle most of the time; these are enough for several disks. */
const THREADS = '32'

/**
 * Files are read, written and synced by threads, four of them unless told otherwise: four syncs, or a mount that hangs, would hold up
 * every other disk and look-up. To be called before the first file is opened; `UV_THREADPOOL_SIZE` of the environment stands.
 */
export function useManyThreads(environment: NodeJS.ProcessEnv = process.env): void {
  environment['UV_THREADPOOL_SIZE'] ??= THREADS
}
