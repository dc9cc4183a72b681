using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Policies;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt policy check: reads a policy and names every error by line and column.</summary>
internal static class PolicyCommand
{
    public static Command Create(CommandFrame frame)
    {
        var file = new Argument<string>("FILE") { Description = "A policy in YAML, or the name of one that ships with KernOpt" };
        var check = frame.Plain("check", "Check a policy file", [file], (parse, terminal, _) =>
        {
            if (!TuneCommand.LoadPolicy(parse.GetRequiredValue(file)).Try(out var policy, out var why)) return Task.FromResult(Terminal.Refuse(why));
            terminal.Show("policy-check", policy, console => console.Write(new Spectre.Console.Text($"{parse.GetValue(file)}: good\n")));
            return Task.FromResult(ExitCode.Done);
        });
        return new Command("policy", "Work with policy files") { check };
    }
}
