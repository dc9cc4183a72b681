using System.Diagnostics;
using KernOpt.Code.Images;
using KernOpt.Linux;
using Xunit;

namespace KernOpt.Tests.Code.Images;

/// <summary>A program that runs during a test, seen through a real target; killed at the end.</summary>
internal sealed class RunningProgram : IDisposable
{
    private readonly Process process;

    private RunningProgram(Process process, ProcessTarget target)
    {
        this.process = process;
        Target = target;
        Image = ProgramImage.Read(target).Value;
    }

    public ProcessTarget Target { get; }
    public ProgramImage Image { get; }

    /// <summary>Starts it and waits for its first line, by which its libraries are loaded.</summary>
    public static (RunningProgram Program, string FirstLine) Start(string path, params string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var line = process.StandardOutput.ReadLine();
        Assert.NotNull(line);
        return (new RunningProgram(process, ProcessTarget.Attach(process.Id).Value), line);
    }

    public string Ask(string line)
    {
        process.StandardInput.WriteLine(line);
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() ?? "";
    }

    public void Dispose()
    {
        Target.Dispose();
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }
}
