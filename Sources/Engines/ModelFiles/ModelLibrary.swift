import FoundationEssentials
import Glibc
public import Serving
import Synchronization

/// The models of one machine: in one folder, `*.gguf` files and folders in Hugging Face format.
///
/// A model is hashed once: profiles are kept in `index.json` beside the files, and used as long as path, size and time of
/// change are the same. Calls block while files are read; nothing is read twice at once.
public final class ModelLibrary: Sendable {
  /// A file that is not a model Apus can use, and why.
  public struct Refusal: Hashable, Sendable {
    public var path: String
    public var error: ApusError
  }

  public let directory: String

  /// What tells whether the models' files are those of another moment, which takes no reading.
  public struct Glance: Hashable, Sendable {
    fileprivate var stamps: [String: Stamp?] = [:]

    /// Of an empty folder.
    public init() {}
  }

  /// What tells that a file has not changed since it was read.
  fileprivate struct Stamp: Hashable, Codable {
    var size: Int
    var modifiedNanoseconds: Int
    var inode: UInt64
  }
  private struct Entry: Codable {
    var file: String
    var stamp: Stamp
    var profile: ModelProfile
  }
  /// A profile made by an older reader may lack what a newer one finds: another number reads all files again.
  private static let indexVersion = 4
  private struct Index: Codable {
    var version: Int
    var entries: [Entry]
  }
  private struct State {
    var entries: [Entry]?
    var refusals: [Refusal] = []
  }
  private let state = Mutex(State())

  public init(directory: String) { self.directory = directory }

  private var indexPath: String { "\(directory)/index.json" }

  /// The models that are there now, sorted by name. Of two equal files the first counts. A file that cannot be used is
  /// left out and named in `refusals`. A folder that does not exist has no models.
  ///
  /// - Throws: `disk` when the folder cannot be read.
  @discardableResult
  public func scan() throws(ApusError) -> [ModelProfile] {
    let files = try modelFiles()
    return state.withLock { state in
      let known = state.entries ?? readIndex()
      let previous = Dictionary(known.map { ($0.file, $0) }, uniquingKeysWith: { first, _ in first })
      var entries: [Entry] = []
      state.refusals = []
      for file in files {
        let path = "\(directory)/\(file)"
        do throws(ApusError) {
          let stamp = try Self.stamp(of: path)
          if let entry = previous[file], entry.stamp == stamp {
            entries.append(entry)
          } else {
            entries.append(Entry(file: file, stamp: stamp, profile: try ModelReader.profile(path: path, name: nil)))
          }
        } catch {
          state.refusals.append(Refusal(path: path, error: error))
        }
      }
      state.entries = entries
      let isSame =
        entries.count == known.count && zip(entries, known).allSatisfy { $0.stamp == $1.stamp && $0.file == $1.file }
      if !isSame { writeIndex(entries) }
      return Self.profiles(entries)
    }
  }

  /// What is in the folder now; nothing where it cannot be read.
  public func glance() -> Glance {
    var glance = Glance()
    for file in (try? modelFiles()) ?? [] { glance.stamps[file] = .some(try? Self.stamp(of: "\(directory)/\(file)")) }
    return glance
  }

  /// Files the last scan could not use.
  public var refusals: [Refusal] { state.withLock { $0.refusals } }

  /// The models of the last scan.
  public var models: [ModelProfile] { state.withLock { Self.profiles($0.entries ?? []) } }

  /// The file or folder of a model of the last scan; nil when it is not here.
  public func path(of model: ModelID) -> String? {
    state.withLock { $0.entries?.first { $0.profile.id == model } }.map { "\(directory)/\($0.file)" }
  }

  public func profile(of model: ModelID) -> ModelProfile? {
    state.withLock { $0.entries?.first { $0.profile.id == model }?.profile }
  }

  /// Makes a file or folder elsewhere part of the library, by a symbolic link: models are large, and their owner keeps them.
  ///
  /// - Parameter name: what people call it; the file's name without its ending, or the folder's, when nil.
  /// - Throws: `badInput` when it is no usable model or another one has the name, `disk` when the link cannot be made.
  public func add(path: String, name: String? = nil) throws(ApusError) -> ModelProfile {
    let source = URL(fileURLWithPath: path).standardizedFileURL.path
    let profile = try ModelReader.profile(path: source, name: name)
    let ending = profile.format == .gguf ? ".gguf" : ""
    guard profile.name.wholeMatch(of: #/[A-Za-z0-9._-]{1,128}/#) != nil, !profile.name.hasPrefix(".") else {
      throw ApusError(
        .badInput, "a model cannot be called \(profile.name)",
        advice: "Use letters, digits, dots, hyphens, at most 128.")
    }
    if let present = try scan().first(where: { $0.id == profile.id || $0.name == profile.name }) {
      guard present.id == profile.id else {
        throw ApusError(
          .badInput, "another model is called \(profile.name): \(present.id)",
          advice: "Give this one another name with --name, or remove \(self.path(of: present.id) ?? directory).")
      }
      return present
    }
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory)/\(profile.name)\(ending)", withDestinationPath: source)
    } catch {
      throw ApusError(.disk, "cannot link \(source) into \(directory): \(error)", advice: "Check its permissions.")
    }
    try scan()
    return profile
  }

  private func modelFiles() throws(ApusError) -> [String] {
    guard FileManager.default.fileExists(atPath: directory) else { return [] }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: directory)
        .filter { isModel($0) }.sorted()
    } catch {
      throw ApusError(.disk, "cannot read the folder \(directory): \(error)", advice: "Check its permissions.")
    }
  }

  private func isModel(_ name: String) -> Bool {
    guard !name.hasPrefix(".") else { return false }
    return name.hasSuffix(".gguf")
      || FileManager.default.fileExists(atPath: "\(directory)/\(name)/\(HuggingFaceFolder.configurationFile)")
  }

  private static func profiles(_ entries: [Entry]) -> [ModelProfile] {
    var seen: Set<ModelID> = []
    return entries.map(\.profile).filter { seen.insert($0.id).inserted }.sorted { $0.name < $1.name }
  }

  private static func stamp(of path: String) throws(ApusError) -> Stamp {
    var information = stat()
    guard fstatat(AT_FDCWD, path, &information, 0) == 0 else {
      throw ApusError(.badInput, "cannot read \(path): \(systemMessage(errno))", advice: "Remove it or mend the link.")
    }
    let time = information.st_mtim
    var stamp = Stamp(
      size: Int(information.st_size), modifiedNanoseconds: time.tv_sec &* 1_000_000_000 &+ time.tv_nsec,
      inode: UInt64(information.st_ino))
    guard information.st_mode & S_IFMT == S_IFDIR else { return stamp }
    // A folder's own time tells of files that came, went or were replaced, theirs of files that were written to.
    stamp.size = 0
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      var file = stat()
      guard fstatat(AT_FDCWD, "\(path)/\(name)", &file, 0) == 0, file.st_mode & S_IFMT == S_IFREG else { continue }
      stamp.size &+= Int(file.st_size)
      let modified = file.st_mtim.tv_sec &* 1_000_000_000 &+ file.st_mtim.tv_nsec
      stamp.modifiedNanoseconds = max(stamp.modifiedNanoseconds, modified)
    }
    return stamp
  }

  /// An index that is missing, damaged or of another version only means that files are read again.
  private func readIndex() -> [Entry] {
    guard let data = FileManager.default.contents(atPath: indexPath),
      let index = try? JSONDecoder().decode(Index.self, from: data), index.version == Self.indexVersion
    else { return [] }
    return index.entries
  }

  private func writeIndex(_ entries: [Entry]) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // Benign: without an index the next start hashes again. The folder may be read-only on purpose.
    try? encoder.encode(Index(version: Self.indexVersion, entries: entries))
      .write(to: URL(fileURLWithPath: indexPath), options: .atomic)
  }
}
