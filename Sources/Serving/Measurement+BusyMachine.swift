extension Measurement {
  /// How the warning begins that other processes used the machine while a block ran.
  public static let busyMachineWarning = "other processes took"

  /// Whether other processes used much of the machine while this was measured: its wall times are worth less then.
  public var ranOnBusyMachine: Bool { warnings.contains { $0.hasPrefix(Self.busyMachineWarning) } }
}
