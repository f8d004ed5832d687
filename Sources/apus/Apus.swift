import ArgumentParser
import Foundation
import Serving

/// The command line: arguments and wiring, nothing else.
@main
struct Apus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "Chooses the fastest way to run a model on your machines, by measuring.",
    discussion: """
      Exit status: 0 done; 64 usage; 65 bad input; 69 service, engine or prerequisite unavailable;
      70 a bug; 74 disk; 75 try again; 77 key refused.
      """,
    version: "0.1.0",
    subcommands: [
      QuickstartCommand.self,
      CoordinatorCommand.self,
      WorkerCommand.self,
      GatewayCommand.self,
      KeysCommand.self,
      DoctorCommand.self,
      ModelCommand.self,
      BenchmarkCommand.self,
      RecommendCommand.self,
      SubmitCommand.self,
      JobsCommand.self,
      WorkersCommand.self,
      MethodsCommand.self,
      EnginesCommand.self,
      HistoryCommand.self,
      SelectorCommand.self,
      PlacementCommand.self,
      SimulateCommand.self,
      MeasureAcceleratorsCommand.self,
    ])

  static func main() async {
    signal(SIGPIPE, SIG_IGN)  // a reader that goes away is an error of that write, not the end of the process
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error as ApusError {
      FileHandle.standardError.write(Data("apus: \(error)\n".utf8))
      Foundation.exit(error.code.rawValue)
    } catch let error where exitCode(for: error) == .failure && !(error is CancellationError) {
      // What nobody gave words: it still has one of the statuses above.
      let code = error is CocoaError || error is POSIXError ? FailureCode.disk : .bug
      FileHandle.standardError.write(Data("apus: \(InputFile.reason(error))\n".utf8))
      Foundation.exit(code.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}
