using System.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Linux.Processes;
using KernOpt.Target;

namespace KernOpt.Cli.CommandLine;

/// <summary>What all commands share: options, opening the target, and turning refusals into a line and an exit code.</summary>
internal sealed class CommandFrame(CommonOptions common, TargetArguments target)
{
    public CommonOptions Common => common;

    public static Argument<string> Function { get; } = new("FUNC") { Description = "symbol, module!symbol, or module+0xRVA" };

    /// <summary>A command on a target; its work gets an open session.</summary>
    /// <param name="needsJournal">False: where the default journal cannot be opened, the work is done all the same and a note says that it is not recorded.</param>
    public Command OnTarget(string name, string about, IEnumerable<Symbol> parts, Func<TargetRun, Task<int>> work, bool needsJournal = true) =>
        OnTarget<Done>(name, about, parts, _ => Done.It, (run, _) => work(run), needsJournal);

    /// <summary>A command some of whose options are read, and may be refused, before there is a target: nothing is launched for a command line that is no good.</summary>
    public Command OnTarget<T>(string name, string about, IEnumerable<Symbol> parts, Func<ParseResult, Outcome<T>> read, Func<TargetRun, T, Task<int>> work, bool needsJournal = true)
    {
        var command = new Command(name, about) { target.Pid, target.Kernel };
        foreach (var part in parts) Add(command, part);
        command.SetAction(async (parse, cancellation) => read(parse).Try(out var options, out var why)
            ? await RunAsync(parse, run => work(run, options), needsJournal, cancellation).ConfigureAwait(false)
            : Terminal.Refuse(why));
        return command;
    }

    /// <summary>A command that needs no target.</summary>
    public Command Plain(string name, string about, IEnumerable<Symbol> parts, Func<ParseResult, Terminal, CancellationToken, Task<int>> work)
    {
        var command = new Command(name, about);
        foreach (var part in parts) Add(command, part);
        command.SetAction(async (parse, cancellation) =>
        {
            var terminal = common.Terminal(parse);
            return terminal.ExitOf(await work(parse, terminal, cancellation).ConfigureAwait(false));
        });
        return command;
    }

    public Outcome<Journal> OpenJournal(ParseResult parse)
    {
        if (parse.GetValue(common.Journal) is { } named) return Journal.Open(named);
        if (!Settings.Read().Try(out var settings, out var why)) return why;
        return settings.Journal is { } usual ? Journal.Open(usual) : JournalPlace.Standard().Then<Journal>(path => Journal.Open(path));
    }

    private async Task<int> RunAsync(ParseResult parse, Func<TargetRun, Task<int>> work, bool needsJournal, CancellationToken cancellation)
    {
        const int standardError = 2;
        var terminal = common.Terminal(parse);
        if (target.IsLaunch && !OpenJournal(parse).Then<Done>(trial => { trial.Dispose(); return Done.It; }).Try(out _, out var why)) return Terminal.Refuse(why);
        // The document is alone on standard output: with --json a launched command prints elsewhere.
        if (!target.Open(parse, terminal.IsJson ? standardError : -1).Try(out var process, out why)) return Terminal.Refuse(why);
        using (process)
        {
            if (!OpenJournal(parse).Try(out var journal, out why))
            {
                if (needsJournal || parse.GetValue(common.Journal) is not null) return Terminal.Refuse(why);
                Console.Error.WriteLine($"kernopt: this will not be in the journal: {RefusalText.Of(why)}");
                if (!Journal.InMemory().Try(out journal, out why)) return Terminal.Refuse(why);
            }
            using (journal)
            {
                if (!Session.Open(process, journal).Try(out var session, out why)) return Terminal.Refuse(why);
                int exit;
                using (session)
                {
                    exit = terminal.ExitOf(await work(new TargetRun(session, terminal, parse, cancellation)).ConfigureAwait(false));
                }
                if (target.IsLaunch && process.State == TargetState.Alive) terminal.Say($"{process.Name} runs on");
                if (session.JournalFailure is { } lacking) Console.Error.WriteLine($"kernopt: the journal is not complete: {RefusalText.Of(lacking)}");
                return exit;
            }
        }
    }

    private static void Add(Command command, Symbol part)
    {
        switch (part)
        {
            case Option option: command.Add(option); break;
            case Argument argument: command.Add(argument); break;
            case Command sub: command.Add(sub); break;
            default: throw new ArgumentException($"neither an option nor an argument: {part.Name}");
        }
    }
}

/// <summary>One run of a command on an open target.</summary>
internal sealed record TargetRun(Session Session, Terminal Terminal, ParseResult Parse, CancellationToken Cancellation);
