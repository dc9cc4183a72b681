using System.Buffers.Binary;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Processes;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>Texts of /proc as kernels print them, and as no kernel should.</summary>
public sealed class ProcessFilesTests
{
    [Fact]
    public void Maps_PathWithSpaces_DeletedFile_AndLongDevice()
    {
        var found = MapsFile.Parse(["7f1c2a400000-7f1c2a428000 r-xp 00001000 103:01 131459                     /opt/a b/c d.so (deleted)"]);
        var mapping = Assert.Single(found);
        Assert.Equal("/opt/a b/c d.so (deleted)", mapping.Path);
        Assert.Equal((0x7f1c2a400000UL, 0x28000UL), (mapping.Range.Start.Value, mapping.Range.Length));
        Assert.Equal((Protection.Read | Protection.Execute, 0x1000UL, true), (mapping.Protection, mapping.FileOffset, mapping.IsPrivate));
        Assert.Equal((0x103_0000_0001UL, 131459UL), (mapping.Device, mapping.Inode));
    }

    [Theory]
    [InlineData("")]
    [InlineData("zz-10 r-xp 0 0:0 0")]
    [InlineData("2000-1000 r-xp 0 0:0 0")]
    [InlineData("1000-2000 r 0 0:0 0")]
    [InlineData("1000-2000 r-xp 0 00 0")]
    [InlineData("1000-2000 r-xp 0 0:0")]
    public void Maps_LineOfAnotherForm_IsLeftOut(string line) => Assert.Empty(MapsFile.Parse([line]));

    [Fact]
    public void Thread_BlockedInACall_TellsCallStackAndCode()
    {
        var facts = ThreadFacts.Parse(7, Status("S (sleeping)"), "232 0x4 0x7ffe 0x80 0xffffffff 0x0 0x8 0x7ffd12345678 0x7f0011223344\n");
        Assert.Equal(new ThreadFacts(7, 'S', 232, 0x7ffd12345678, 0x7f0011223344, 15, true), facts);
    }

    [Fact]
    public void Thread_RunningOrBlockedElsewhere()
    {
        Assert.Null(ThreadFacts.Parse(7, Status("R (running)"), "running\n")!.Call);
        Assert.Equal(-1, ThreadFacts.Parse(7, Status("D (disk sleep)"), "-1 0x7ffd0 0x7f00\n")!.Call);
        Assert.Null(ThreadFacts.Parse(7, ["Name:\tx"], "running\n"));
    }

    [Fact]
    public void Status_NameWithParenthesesAndSpaces()
    {
        const string stat = "12 (a) R (b) S 1 12 12 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 1 0 4711 1 1 1";
        var status = ProcessStatus.Parse(12, stat, ["Tgid:\t12", "TracerPid:\t3", "Uid:\t1000\t1000\t1000\t1000"]);
        Assert.Equal(new ProcessStatus(12, "a) R (b", 'S', 12, 3, 1000, 4711, false, 15), status);
        Assert.Null(ProcessStatus.Parse(12, "12 (cut", []));
        Assert.Null(ProcessStatus.Parse(12, "12 (x) S 1", []));
    }

    [Theory]
    [InlineData("se.exec_start                                :       1536344.463653", 1536344.463653)]
    [InlineData("se.vruntime  : 1", null)]
    [InlineData("se.exec_start : ?", null)]
    public void BlockedTime_OfTheSchedulersLines(string line, double? expected) =>
        Assert.Equal(expected is { } start ? (start, 6) : null, BlockedTime.Parse(["x (1, #threads: 1)", line, "nr_switches                                  :                    9", "nr_voluntary_switches                        :                    6"]));

    [Fact]
    public void ProgramHeaders_GiveLoadSegmentsAndBias()
    {
        var file = Elf(segments: 2);
        var segments = ProgramHeaders.Read(Reader(file));
        Assert.Equal([new LoadSegment(5, 0x1000, 0x401000, 0x200, 0x200), new LoadSegment(5, 0x1000, 0x401000, 0x200, 0x200)], segments);
        Assert.True(segments[0].IsExecutable);
        Assert.Equal(0x7f00_0000_0000UL - 0x401000, ProgramHeaders.Bias(segments, 0x7f00_0000_0000, 0x1000));
        Assert.Null(ProgramHeaders.Bias(segments, 0x7f00_0000_0000, 0x9000));
    }

    [Fact]
    public void ProgramHeaders_OfHostileFiles_AreEmpty_AndNothingIsThrown()
    {
        var file = Elf(segments: 2);
        for (var length = 0; length < file.Length; length++) Assert.Empty(ProgramHeaders.Read(Reader(file[..length])));
        var random = new Random(5);
        for (var i = 0; i < 5000; i++)
        {
            var broken = file.ToArray();
            for (var n = 0; n < 6; n++) broken[random.Next(broken.Length)] = (byte)random.Next(256);
            foreach (var segment in ProgramHeaders.Read(Reader(broken))) Assert.True(segment.FileSize <= segment.MemorySize && segment.Address <= 1UL << 47);
        }
    }

    private static string[] Status(string state) =>
        ["Name:\tx", $"State:\t{state}", "Seccomp:\t2", "voluntary_ctxt_switches:\t10", "nonvoluntary_ctxt_switches:\t5"];

    private static Func<ulong, byte[], long> Reader(byte[] file) => (offset, into) =>
    {
        if (offset >= (ulong)file.Length) return 0;
        var length = Math.Min(into.Length, file.Length - (int)offset);
        file.AsSpan((int)offset, length).CopyTo(into);
        return length;
    };

    private static byte[] Elf(int segments)
    {
        var file = new byte[64 + (segments * 56)];
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(file);
        file[18] = 62;
        file[32] = 64;
        file[54] = 56;
        file[56] = (byte)segments;
        for (var i = 0; i < segments; i++)
        {
            var entry = file.AsSpan(64 + (i * 56));
            entry[0] = 1;
            entry[4] = 5;
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], 0x1000);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], 0x401000);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[32..], 0x200);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[40..], 0x200);
        }
        return file;
    }

    [Fact]
    public void NameOfAProcess_MayHoldAnything_AndDrivesNoTerminal()
    {
        var fields = string.Join(' ', Enumerable.Repeat("0", 18).Append("77"));

        var status = ProcessStatus.Parse(7, $"7 (a) b\u001b[2J) S {fields} 0", ["Tgid:\t7"]);

        Assert.Equal(("a) b?[2J", 'S', 77UL), (status!.Name, status.State, status.StartTicks));
    }
}
