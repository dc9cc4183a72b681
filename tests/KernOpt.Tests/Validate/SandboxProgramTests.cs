using KernOpt.Target;
using KernOpt.Validate.Sandboxing;
using Xunit;

namespace KernOpt.Tests.Validate;

/// <summary>The sandbox's own program and the place where it lies.</summary>
public sealed class SandboxProgramTests
{
    private const ulong At = 0x1a5e_0000_0000;

    [Fact]
    public void The_program_is_one_page_with_one_segment_that_cannot_be_written()
    {
        var image = SandboxProgram.Build(At, 20);
        Assert.Equal(4096, image.Length);
        Assert.Equal([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1], image[..7]);
        Assert.Equal(2, BitConverter.ToInt16(image, 56));
        Assert.Equal(5u, BitConverter.ToUInt32(image, 64 + 4));   // read and execute
        Assert.Equal(At, BitConverter.ToUInt64(image, 64 + 16));
        Assert.InRange(BitConverter.ToUInt64(image, 24), At + 64, At + 4095);
    }

    [Fact]
    public void The_program_reads_as_a_static_executable_to_the_elf_reader()
    {
        var image = KernOpt.Binary.ElfImage.Read(SandboxProgram.Build(At, 20));
        Assert.True(image.IsDone, image.ToString());
    }

    [Fact]
    public void A_call_gadget_ends_in_a_stop()
        => Assert.Equal([0x0f, 0x05, 0xcc], SandboxProgram.Build(At, 20)[(int)SandboxProgram.CallOffset..][..3]);

    [Fact]
    public void The_tick_is_given_in_microseconds()
        => Assert.Equal(20_000, BitConverter.ToInt64(SandboxProgram.Build(At, 20), (int)SandboxProgram.TimerOffset + 8));

    [Fact]
    public void The_sandbox_keeps_away_from_what_the_target_has_mapped()
    {
        var first = SandboxLayout.AwayFrom([]);
        var taken = new AddressRange(new Address(first.Stack), 4096);
        var second = SandboxLayout.AwayFrom([taken]);
        Assert.NotEqual(first.Base, second.Base);
        Assert.False(second.IsStack(taken.Start.Value));
    }

    [Fact]
    public void The_stack_at_entry_is_as_a_call_leaves_it()
    {
        var layout = SandboxLayout.AwayFrom([]);
        Assert.Equal(8UL, layout.EntryStackPointer % 16);
        Assert.True(layout.IsStack(layout.EntryStackPointer + 4096) && layout.IsStack(layout.EntryStackPointer - 65536));
        Assert.False(layout.IsStack(layout.ReturnAddress) || layout.IsScratch(layout.ReturnAddress));
    }
}
