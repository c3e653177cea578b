// A panel's transformations, done by @grafana/data's own transformers.
//
// May use @grafana/data. Grafana has some transformers that this package does not publish; a panel that asks for one is
// refused instead of being drawn without it.

import {
  type DataFrame,
  type DataTransformerConfig,
  type DataTransformerInfo,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { Transformation } from './dashboard';

// Some transformers are published twice, under an old name as well.
const TRANSFORMERS = new Map(Object.values(standardTransformers).map((transformer) => [transformer.id as string, transformer]));

standardTransformersRegistry.setInit(() =>
  [...TRANSFORMERS.values()].map((transformer) => ({
    id: transformer.id,
    name: transformer.name,
    transformation: async () => transformer as DataTransformerInfo,
    editor: () => null,
    imageDark: '',
    imageLight: '',
  }))
);

/**
 * The frames after all transformations that are on.
 *
 * @throws on a transformation that @grafana/data does not have.
 */
export async function transform(
  data: DataFrame[],
  transformations: Transformation[],
  interpolate: (text: string) => string
): Promise<DataFrame[]> {
  const on = transformations.filter(({ disabled }) => disabled !== true);
  for (const { id } of on) {
    if (!standardTransformersRegistry.getIfExists(id)) {
      throw new Error(`the transformation "${id}" is not among those of @grafana/data`);
    }
  }
  const configs = on.map(({ options, ...rest }): DataTransformerConfig => ({ ...rest, options: options ?? {} }));
  return lastValueFrom(transformDataFrame(configs, data, { interpolate }));
}
