import Serving

/// Which physical machine this is, so that two workers on it never measure at once.
enum MachineIdentity {
  /// systemd's machine id where there is one; otherwise the id of this boot with the host's name.
  ///
  /// - Parameters:
  ///   - machineID: contents of `/etc/machine-id`; empty or `uninitialized` when the image was never booted by systemd.
  ///   - bootID: contents of `/proc/sys/kernel/random/boot_id`.
  static func identifier(machineID: String, bootID: String, hostName: String) -> MachineID {
    let known = machineID[...].trimmingSpaces
    if known.count == 32, known.allSatisfy(\.isHexDigit) { return MachineID(known) }
    let boot = bootID[...].trimmingSpaces
    return MachineID(boot.isEmpty ? hostName : "\(boot)-\(hostName)")
  }
}
