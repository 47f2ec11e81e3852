/** Imports a package that may have been left out of the installation, and says so when it was. */
export async function optionalImport<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(`the optional package ${name} is not installed (npm ci installs it, unless --omit=optional is set)`, { cause: error })
  }
}
