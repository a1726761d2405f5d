#!/usr/bin/env bash
# Times infra, and Terraform where it is on PATH, on the same configuration:
# resources in layers of 100, each refers to two of the layer before.
#
#   docs/compare.sh [RESOURCES]      (1000 unless said otherwise)
set -euo pipefail
resources=${1:-1000}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --quiet
infra=${CARGO_TARGET_DIR:-target}/release/infra
infra=$(cd "$(dirname "$infra")" && pwd)/infra
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/infra" "$scratch/terraform"
awk -v n="$resources" 'BEGIN {
  for (i = 0; i < n; i++) {
    layer = int(i / 100); at = i % 100; next_at = (at + 1) % 100
    input = layer == 0 ? "v" at : "${terraform_data.r" layer - 1 "_" at ".id}-${terraform_data.r" layer - 1 "_" next_at ".id}"
    printf "resource \"terraform_data\" \"r%d_%d\" {\n  input = \"%s\"\n}\n", layer, at, input
  }
}' > "$scratch/infra/main.infra"
cp "$scratch/infra/main.infra" "$scratch/terraform/main.tf"

timed() {
  local name=$1 start end
  shift
  start=$(date +%s.%N)
  "$@" > "$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
  end=$(date +%s.%N)
  awk -v n="$name" -v s="$start" -v e="$end" 'BEGIN { printf "%-28s %8.2f s\n", n, e - s }'
}

cd "$scratch/infra"
timed "infra plan" "$infra" plan
timed "infra apply" "$infra" apply --yes
timed "infra plan, no changes" "$infra" plan
if command -v terraform > /dev/null; then
  cd "$scratch/terraform"
  terraform init > /dev/null 2>&1
  timed "terraform plan" terraform plan
  timed "terraform apply" terraform apply -auto-approve
  timed "terraform plan, no changes" terraform plan
fi
