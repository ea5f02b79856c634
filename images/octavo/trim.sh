# Take out of /opt/octavo what no step needs at run time. Libraries under *.libs are left as they came: the tool that
# gathered them for their wheel has moved their tables, which strip does not expect.
set -e
cd /opt/octavo/lib/python3*/site-packages
rm -rf tensorflow/include # for compiling against TensorFlow
rm -f tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so tensorflow/compiler/tf2xla/ops/_xla_ops.so # for JAX, XLA
find . -depth -type d -name tests -exec rm -r {} +
find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c' -o -name '*.a' \) -delete
find . -type f \( -name '*.so' -o -name '*.so.[0-9]*' \) ! -path './*.libs/*' -exec strip --strip-unneeded {} +
