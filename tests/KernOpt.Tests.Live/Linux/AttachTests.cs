using System.Diagnostics;
using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

public sealed class AttachTests
{
    private static readonly byte[] MoveAnswer = [0xb8, 42, 0, 0, 0];

    [Fact]
    public void StoreText_ChangesOneInstruction_AndTheProgramRunsIt()
    {
        using var program = NativeProgram.Start("idle.c");
        var answer = new Address(program.ReadFacts()["answer"]);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        Assert.True(target.StoreText(answer, MoveAnswer, [0xb8, 43, 0, 0, 0]).IsDone);
        program.WriteLine("call");
        Assert.Equal(43UL, program.ReadFacts()["result"]);
        Assert.True(target.StoreText(answer, [0xb8, 43, 0, 0, 0], MoveAnswer).IsDone);
        program.WriteLine("call");
        Assert.Equal(42UL, program.ReadFacts()["result"]);
    }

    [Fact]
    public void StoreText_WhereTheTextIsNotAsExpected_IsRefusedAndChangesNothing()
    {
        using var program = NativeProgram.Start("idle.c");
        var answer = new Address(program.ReadFacts()["answer"]);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        Assert.Equal(Reasons.TextDiffers, target.StoreText(answer, [0xb8, 41, 0, 0, 0], MoveAnswer).Refusal.Reason);
        Assert.Equal(Reasons.NotOneStore, target.StoreText(answer + 62, new byte[5], new byte[5]).Refusal.Reason);
        var bytes = new byte[5];
        Assert.Equal(5, target.Read(answer, bytes));
        Assert.Equal(MoveAnswer, bytes);
    }

    [Fact]
    public void ProgramThatExecutesAnother_IsReplaced_AndNeverWritten()
    {
        using var program = NativeProgram.Start("idle.c");
        var answer = new Address(program.ReadFacts()["answer"]);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        Assert.Equal(TargetState.Alive, target.State);
        program.WriteLine("exec");
        program.ReadFacts();
        Assert.Equal(TargetState.Replaced, target.State);
        Assert.Equal(Reasons.TargetReplaced, target.StoreText(answer, MoveAnswer, MoveAnswer).Refusal.Reason);
    }

    [Fact]
    public void ProgramThatExits_IsGone()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        program.WriteLine("quit");
        Assert.Equal(7, program.WaitForExit());
        Assert.Equal(TargetState.Gone, target.State);
        Assert.Empty(target.ReadMap().Modules);
    }

    [Fact]
    public void ReadMap_PlacesModulesWhereTheirSymbolsAre()
    {
        using var program = NativeProgram.Start("idle.c");
        var facts = program.ReadFacts();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var map = target.ReadMap();
        var main = Assert.Single(map.Modules, m => m.IsMainProgram);
        Assert.True(main.Range.Contains(new Address(facts["answer"])));
        Assert.Contains(map.Modules, m => m.Name == "libc.so.6");
        Assert.Contains(map.Modules, m => m.Name == "[vdso]" && m.File().Value.AsSpan().StartsWith("\u007fELF"u8));
        var file = main.File().Value;
        var inFile = Symbol(main.Path, "answer");
        Assert.Equal(new Address(facts["answer"]), main.LoadBias + inFile);
        Assert.True(file.AsSpan().IndexOf(MoveAnswer) > 0);
    }

    [Theory]
    [InlineData("-O2 -no-pie")]
    [InlineData("-O2 -static-pie")]
    [InlineData("-O2 -static")]
    [InlineData("-O2 -Wl,-z,noseparate-code")]
    public void ReadMap_OfOtherKindsOfPrograms_HasTheRightBias(string options)
    {
        using var program = NativeProgram.StartFile(NativeProgram.Compile("idle.c", options));
        var answer = new Address(program.ReadFacts()["answer"]);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var main = Assert.Single(target.ReadMap().Modules, m => m.IsMainProgram);
        Assert.Equal(answer, main.LoadBias + Symbol(main.Path, "answer"));
    }

    [Fact]
    public void ReadMap_OfADeletedProgram_StillGivesItsFile()
    {
        var copy = Path.GetTempFileName();
        File.Copy(NativeProgram.Compile("idle.c"), copy, overwrite: true);
        using (var chmod = Process.Start("chmod", ["+x", copy])) chmod.WaitForExit();
        var bytes = File.ReadAllBytes(copy);
        using var program = NativeProgram.StartFile(copy);
        program.ReadLine();
        File.Delete(copy);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var main = Assert.Single(target.ReadMap().Modules, m => m.IsMainProgram);
        Assert.Equal(bytes, main.File().Value);
    }

    [Fact]
    public void LockForChange_HeldByAnother_IsRefusedAndNamesTheHolder()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var one = ProcessTarget.Attach(program.Pid).Value;
        using var two = ProcessTarget.Attach(program.Pid).Value;
        using (one.TryLockForChange().Value)
        {
            var refusal = two.TryLockForChange().Refusal;
            Assert.Equal(Reasons.TargetBusy, refusal.Reason);
            Assert.Contains($"pid {Environment.ProcessId}", refusal.Detail, StringComparison.Ordinal);
        }
        two.TryLockForChange().Value.Dispose();
    }

    [Fact]
    public async Task Launch_AnswersWhenTheProgramIsLoaded_AndTellsItsExit()
    {
        using var target = ProcessTarget.Launch(["/bin/sleep", "0.4"]).Value;
        Assert.Contains(target.ReadMap().Modules, m => m.Name == "libc.so.6");
        Assert.Equal(0, await target.Exit!.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.Equal(TargetState.Gone, target.State);
        Assert.Equal(Reasons.LaunchFailed, ProcessTarget.Launch(["/no/such/program"]).Refusal.Reason);
        Assert.Equal(Reasons.LaunchFailed, ProcessTarget.Launch(["/bin/false"]).Refusal.Reason);
    }

    [Fact]
    public void CpuTime_OfABusyProgram_Advances()
    {
        using var target = ProcessTarget.Launch(["/bin/sh", "-c", "while :; do :; done"]).Value;
        try
        {
            var before = target.CpuTime;
            Assert.True(SpinWait.SpinUntil(() => target.CpuTime - before > TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(10)));
        }
        finally
        {
            SystemCall.Kill(target.Pid, Signals.Kill);
        }
    }

    private static ulong Symbol(string path, string name)
    {
        using var nm = Process.Start(new ProcessStartInfo("nm", path) { RedirectStandardOutput = true })!;
        var line = nm.StandardOutput.ReadToEnd().Split('\n').First(l => l.EndsWith(" " + name, StringComparison.Ordinal));
        return Convert.ToUInt64(line[..16], 16);
    }
}
