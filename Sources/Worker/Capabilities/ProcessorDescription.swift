/// What `/proc/cpuinfo` says of the first processor. Machines whose cores differ are described by core 0.
struct ProcessorDescription: Hashable {
  /// As the processor names itself, such as `AMD EPYC 9654 96-Core Processor`.
  var name: String
  /// Lower-case, sorted, only those an engine's kernels are chosen by.
  var instructionSets: [String]

  /// Families that kernels for matrix products and quantized weights are chosen by, on x86 and on ARM.
  private static let tellingFamilies = ["avx", "amx", "asimd", "sve"]
  private static let telling: Set<String> = ["sse4_2", "fma", "f16c", "fphp", "i8mm", "bf16", "sme", "sme2"]

  init(cpuinfo: String) {
    var fields: [String: String] = [:]
    for line in cpuinfo.split(separator: "\n", omittingEmptySubsequences: false) {
      let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2 else { continue }
      let key = halves[0].trimmingSpaces.lowercased()
      if fields[key] == nil { fields[key] = halves[1].trimmingSpaces }
    }
    let flags = (fields["flags"] ?? fields["features"] ?? "").lowercased().split(separator: " ").map(String.init)
    instructionSets =
      Set(
        flags.filter { flag in
          Self.telling.contains(flag) || Self.tellingFamilies.contains { flag.hasPrefix($0) }
        }
      ).sorted()

    if let model = fields["model name"], !model.isEmpty {
      name = model.split(separator: " ").joined(separator: " ")
    } else if let implementer = fields["cpu implementer"], let part = fields["cpu part"] {
      // ARM names the maker and the design by number only.
      name = "ARM implementer \(implementer) part \(part)"
    } else {
      name = "unknown processor"
    }
  }
}

extension Substring {
  /// Without spaces and tabs at both ends.
  var trimmingSpaces: String {
    var rest = self
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}
